-- SPDX-License-Identifier: Apache-2.0
-- match = content: whoever it is for; ours are those that look like a report.
--milter match = content
--records 1
dofile(top .. "/common.lua")
local conn = dial()
want("DATA is not asked for", mt.test_option(conn, SMFIP_NODATA))
want("ours", send(conn, REPORT, RUA) == SMFIR_DISCARD)
want("others keep it", send(conn, REPORT, PERSON) == SMFIR_CONTINUE)
want("with the header", said(conn):find("^stored; ") ~= nil)
mt.disconnect(conn)
-- a person's mail is left alone at the end of its header
conn = dial()
envelope(conn, nil, RUA)
header(conn, HUMAN)
fine("eoh", mt.eoh(conn))
want("done with it", mt.getreply(conn) == SMFIR_ACCEPT)
mt.disconnect(conn)
