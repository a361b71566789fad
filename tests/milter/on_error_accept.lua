-- SPDX-License-Identifier: Apache-2.0
-- on_error = accept: delivered, with a header that says so.
--milter progress_timeout = 1s
--milter on_error = accept
--locked
--records 0
--log status=later (accept
dofile(top .. "/common.lua")
local conn = dial()
want("goes on", send(conn, REPORT, RUA) == SMFIR_CONTINUE)
want("it says so", said(conn) == "not stored; nothing can be stored at present")
want("ours stays", not removed(conn, RUA))
mt.disconnect(conn)
