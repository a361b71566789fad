-- SPDX-License-Identifier: Apache-2.0
-- Abort in each phase, then the next mail on the same connection.
--records 1
dofile(top .. "/common.lua")
local mail = read(REPORT)
local phases = {
	function(conn) end,
	function(conn) fine("mailfrom", mt.mailfrom(conn, "<a@b.example>")) end,
	function(conn) fine("rcptto", mt.rcptto(conn, RUA)) end,
	function(conn) fine("data", mt.data(conn)) end,
	function(conn) header(conn, mail) end,
	function(conn) fine("eoh", mt.eoh(conn)) end,
	function(conn) fine("body", mt.bodystring(conn, mail[2])) end,
}
local conn = dial()
for last = 1, #phases do
	for phase = 1, last do phases[phase](conn) end
	fine("abort", mt.abort(conn))
	want("a person's mail is not the report", send(conn, HUMAN, RUA) == SMFIR_CONTINUE)
	want("said", said(conn) == "not a report")
end
want("the report", send(conn, REPORT, RUA) == SMFIR_DISCARD)
fine("abort", mt.abort(conn))
mt.disconnect(conn)
