-- SPDX-License-Identifier: Apache-2.0
-- action = quarantine: held by the MTA, but never what others get too.
--milter action = quarantine
--records 1
--log status=stored (quarantine)
dofile(top .. "/common.lua")
local conn = dial()
want("goes on", send(conn, REPORT, RUA) == SMFIR_CONTINUE)
want("held", mt.eom_check(conn, MT_QUARANTINE, "DMARC report, stored"))
want("with the header", said(conn):find("^stored; ") ~= nil)
want("goes on", send(conn, REPORT, RUA, PERSON) == SMFIR_CONTINUE)
want("others' mail", not mt.eom_check(conn, MT_QUARANTINE) and said(conn) ~= nil)
mt.disconnect(conn)
