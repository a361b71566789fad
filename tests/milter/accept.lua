-- SPDX-License-Identifier: Apache-2.0
-- action = accept: the header tells what was stored.
--milter action = accept
--records 1
--log status=stored (accept)
dofile(top .. "/common.lua")
local conn = dial()
want("goes on", send(conn, REPORT, RUA) == SMFIR_CONTINUE)
want("what was stored", said(conn):find("^stored; reports=1 records=1 duplicates=0 org=%S+ domain=%S+$") ~= nil)
want("no more", not removed(conn, RUA) and not mt.eom_check(conn, MT_QUARANTINE))
want("a copy", send(conn, REPORT, RUA) == SMFIR_CONTINUE)
want("duplicates", said(conn):find("records=1 duplicates=1 ", 1, true) ~= nil)
mt.disconnect(conn)
