/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_text.h - the UTF-8 of a JSON text made good. For tls*.c only.
 */
#ifndef REPORT_TLS_TEXT_H
#define REPORT_TLS_TEXT_H

#include <stdint.h>

#include "common/base/reader.h"

/*
 * A byte order mark is taken off, and each byte that is no character becomes
 * U+FFFD; *replaced counts them. inner and replaced are foreign and must
 * outlive the reader.
 */
struct reader *tls_text_reader(struct reader *inner, uint64_t *replaced);

#endif
