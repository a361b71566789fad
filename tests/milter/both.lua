-- SPDX-License-Identifier: Apache-2.0
-- match = both: our recipients, and what looks like a report.
--milter match = both
--records 1
dofile(top .. "/common.lua")
local conn = dial()
want("by content", send(conn, REPORT, PERSON) == SMFIR_CONTINUE and said(conn):find("^stored; ") ~= nil)
want("by recipient", send(conn, HUMAN, RUA) == SMFIR_CONTINUE and said(conn) == "not a report")
want("both", send(conn, REPORT, RUA) == SMFIR_DISCARD)
mt.disconnect(conn)
