/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_keys.c - the table of keys, for conf_keys.sh.
 */
#include <stdio.h>

#include "common/base/conf.h"

int
main(void)
{
	conf_print_keys(stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}
