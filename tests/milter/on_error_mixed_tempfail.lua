-- SPDX-License-Identifier: Apache-2.0
-- Unless the administrator wants it held for them too.
--milter progress_timeout = 1s
--milter on_error_mixed = tempfail
--milter on_error = accept
--locked
--records 0
dofile(top .. "/common.lua")
local conn = dial()
want("later", send(conn, REPORT, RUA, PERSON) == SMFIR_REPLYCODE)
want("ours alone", send(conn, REPORT, RUA) == SMFIR_CONTINUE)
mt.disconnect(conn)
