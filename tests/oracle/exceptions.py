# SPDX-License-Identifier: Apache-2.0
"""Where our values differ from parsedmarc's on purpose, each with the reason.

What is in the FIELDS is left out of the comparison everywhere. VALUES are for
one file and field: (file, field, ours, parsedmarc's, reason). It is an error
when one of these is no longer needed, so the list cannot outlive its reasons.
"""

import re

# enrichment: parsedmarc carries a country and AS database and a list of
# 38,000 names in its package and uses them offline; ours is configured by the
# administrator and comes with a later version
ENRICHMENT = "no enrichment is configured; parsedmarc's databases are built in"

JSON_FIELDS = {
    "source.country": ENRICHMENT,
    "source.name": ENRICHMENT,
    "source.type": ENRICHMENT,
    "source.asn": ENRICHMENT,
    "source.as_name": ENRICHMENT,
    "source.as_domain": ENRICHMENT,
}

CSV_FIELDS = {
    "source_country": ENRICHMENT,
    "source_name": ENRICHMENT,
    "source_type": ENRICHMENT,
    "source_asn": ENRICHMENT,
    "source_as_name": ENRICHMENT,
    "source_as_domain": ENRICHMENT,
}

DOCUMENT_FIELDS = {
    **{field: reason for field, reason in CSV_FIELDS.items()},
    "_id": "parsedmarc lets the server invent one, so copies double",
    "intake": "ours alone: parsedmarc does not store how a report came",
}

# parsedmarc prints whatever mailparser gives: each header field a second time,
# hops of Received, domains and defects. These members are documented (3.6)
PARSED_SAMPLE = (
    "date", "subject", "headers", "from", "to", "reply_to", "cc", "bcc",
    "attachments", "filename_safe_subject", "body",
)

# a message/rfc822 sample is written anew by Python's mail package: a space
# behind the colon of an empty field, a line end after the last line. Ours is
# what the reporter sent
REWRITTEN = {"sample", "sample.raw"}


def as_sent(sample):
    return re.sub(r":[ ]+\n", ":\n", sample).removesuffix("\n")


# errors say in words of the library at hand what was repaired: that there is
# one must agree, how it is said need not
WORDING = {"report_metadata.errors", "errors"}

ENCODED_WORD = (
    "mailparser takes RFC 2047 at its word and leaves an encoded word inside "
    "quotation marks; people want to read the name"
)
OBFUSCATED = "=?utf-8?B?SW50ZXJha3RpdmUgV2V0dGJld2VyYmVyLcOcYmVyc2ljaHQ=?="
SHAREPOINT = (
    "DMARC Failure Report for domain.de (mail-from=sharepoint@domain.de, "
    "ip=10.10.10.10).eml"
)

MX_HOST = (
    "the member of RFC 8460 is mx-host; parsedmarc looks for mx-host-pattern "
    "and loses it (parsedmarc.md, 1.4)"
)
CSV_POLICY = (
    "a failure's row says whose policy it is about; with parsedmarc nobody "
    "can tell (parsedmarc.md, 3.6)"
)

VALUES = [
    (
        SHAREPOINT,
        "parsed_sample.headers.from",
        "Interaktive Wettbewerber-Übersicht",
        OBFUSCATED,
        ENCODED_WORD,
    ),
    (
        SHAREPOINT,
        "parsed_sample.from.display_name",
        "Interaktive Wettbewerber-Übersicht",
        OBFUSCATED,
        ENCODED_WORD,
    ),
    (
        SHAREPOINT,
        "sample.headers.from",
        "Interaktive Wettbewerber-Übersicht <sharepoint@domain.de>",
        OBFUSCATED + " <sharepoint@domain.de>",
        ENCODED_WORD,
    ),
    (
        "empty_reason.xml",
        "policy_overrides",
        "(no such key)",
        [{}],
        "empty objects are left out like nulls and empty arrays: they index "
        "nothing (parsedmarc.md, 3.1)",
    ),
    (
        "rfc8460.json",
        "policies.mx_host_patterns",
        ["*.mail.company-y.example"],
        "(no such key)",
        MX_HOST,
    ),
    ("rfc8460.json", "mx_host_patterns", "*.mail.company-y.example", "", MX_HOST),
    ("rfc8460.json", "policy_domain", "company-y.example", "", CSV_POLICY),
    ("rfc8460.json", "policy_type", "sts", "", CSV_POLICY),
]
