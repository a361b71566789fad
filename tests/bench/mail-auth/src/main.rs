// SPDX-License-Identifier: Apache-2.0
//! mail-auth-parse MBOX: each report as a line of JSON.
use mail_auth::report::Report;
use std::io::{BufWriter, Write};

fn main() {
    let path = std::env::args().nth(1).expect("an mbox");
    let mbox = std::fs::read(path).expect("readable");
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut begin = None;
    let mut at = 0;
    let mut emit = |mail: &[u8]| {
        let report = Report::parse_rfc5322(mail).expect("a report");
        serde_json::to_writer(&mut out, &report).expect("writable");
        out.write_all(b"\n").expect("writable");
    };
    for line in mbox.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b"From ") {
            if let Some(from) = begin {
                emit(&mbox[from..at]);
            }
            begin = Some(at + line.len());
        }
        at += line.len();
    }
    if let Some(from) = begin {
        emit(&mbox[from..]);
    }
}
