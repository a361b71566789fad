/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_text.h - the bytes of a report made fit for the XML reader: the byte
 * order mark and white space before the first "<" go, and so do bytes that
 * are not UTF-8.
 */
#ifndef REPORT_XML_TEXT_H
#define REPORT_XML_TEXT_H

#include <stdint.h>

#include "common/base/reader.h"

/*
 * inner and dropped are foreign and must outlive the reader; *dropped counts
 * the bytes that were not UTF-8.
 */
struct reader *xml_text_reader(struct reader *inner, uint64_t *dropped);

#endif
