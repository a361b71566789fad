-- SPDX-License-Identifier: Apache-2.0
-- Others' mail is accepted even then.
--milter progress_timeout = 1s
--locked
--records 0
dofile(top .. "/common.lua")
local conn = dial()
want("goes on", send(conn, REPORT, RUA, PERSON) == SMFIR_CONTINUE)
want("it says so", said(conn) == "not stored; nothing can be stored at present")
want("all get it", not removed(conn, RUA))
mt.disconnect(conn)
