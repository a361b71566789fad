-- SPDX-License-Identifier: Apache-2.0
-- The MTA goes away without a word, in each phase.
--records 1
dofile(top .. "/common.lua")
local mail = read(REPORT)
local phases = {
	function(conn) fine("negotiate", mt.negotiate(conn, nil, nil, nil)) end,
	function(conn) fine("mailfrom", mt.mailfrom(conn, "<a@b.example>")) end,
	function(conn) fine("rcptto", mt.rcptto(conn, RUA)) end,
	function(conn) fine("data", mt.data(conn)) end,
	function(conn) header(conn, mail) end,
	function(conn) fine("eoh", mt.eoh(conn)) end,
	function(conn) fine("body", mt.bodystring(conn, mail[2])) end,
}
for last = 0, #phases do
	local conn = mt.connect(socket)
	want("connect", conn ~= nil)
	for phase = 1, last do phases[phase](conn) end
	mt.disconnect(conn, false)
end
local conn = dial()
want("still there", send(conn, REPORT, RUA) == SMFIR_DISCARD)
mt.disconnect(conn, false)
conn = dial()
want("still there", send(conn, REPORT, RUA) == SMFIR_DISCARD)
mt.disconnect(conn)
