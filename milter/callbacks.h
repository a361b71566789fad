/* SPDX-License-Identifier: Apache-2.0 */
/*
 * callbacks.h - what libmilter calls.
 */
#ifndef MILTER_CALLBACKS_H
#define MILTER_CALLBACKS_H

#include "common/base/err.h"
#include "milter/service.h"

/* Make them known to libmilter. sv is borrowed until smfi_main has ended. */
int milter_callbacks_register(struct milter_service *sv, struct err *e);

#endif
