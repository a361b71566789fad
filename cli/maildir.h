/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maildir.h - what becomes of a mail in its Maildir when it is judged, as
 * [maildir] says.
 */
#ifndef CLI_MAILDIR_H
#define CLI_MAILDIR_H

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/pipeline.h"

/*
 * file is FOLDER/new/NAME or FOLDER/cur/NAME; folders to move it to are made
 * where they are missing (Maildir++: FOLDER/.Archive.Invalid). A file that is
 * gone is somebody else's doing and no error.
 */
int maildir_mark(const char *file, const struct conf_maildir *conf,
    const struct outcome *o, struct err *e);

#endif
