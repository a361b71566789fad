/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analysis.h - what the analysers of tests/analysis.sh cannot see from one
 * source: these functions of err.c return -1, whatever they are given. Put
 * before each source by -include.
 */
#include "common/base/err.h"

#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_set_errno(...) (err_set_errno(__VA_ARGS__), -1)
#define err_add(...) (err_add(__VA_ARGS__), -1)
