-- SPDX-License-Identifier: Apache-2.0
-- Versions 2 to 6 of the protocol, with what each knew.
--records 1
dofile(top .. "/common.lua")
local known = { -- actions, steps
	[2] = { 0x3f, 0x7f }, [3] = { 0x3f, 0x1ff }, [4] = { 0x3f, 0x3ff }, [5] = { 0x3f, 0x3ff },
	[6] = { 0x1ff, 0x1fffff },
}
for version = 2, 6 do
	local conn = dial(version, known[version][1], known[version][2])
	want("discard", send(conn, REPORT, RUA) == SMFIR_DISCARD)
	want("goes on", send(conn, HUMAN, RUA) == SMFIR_CONTINUE)
	want("header in " .. version, said(conn) == "not a report")
	want("goes on", send(conn, REPORT, PERSON, RUA) == SMFIR_CONTINUE)
	want("ours goes", removed(conn, RUA))
	mt.disconnect(conn)
end
