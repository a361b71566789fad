-- SPDX-License-Identifier: Apache-2.0
-- The sink is away: the sender tries again.
--milter progress_timeout = 1s
--locked
--records 0
--log status=later (tempfail
dofile(top .. "/common.lua")
local conn = dial()
want("later", send(conn, REPORT, RUA) == SMFIR_REPLYCODE)
want("no header", not mt.eom_check(conn, MT_HDRADD))
mt.disconnect(conn)
