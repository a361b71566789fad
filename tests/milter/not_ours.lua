-- SPDX-License-Identifier: Apache-2.0
-- Mail for others: one answer, to DATA, and the rest is not sent to us.
--records 0
dofile(top .. "/common.lua")
local conn = dial()
for _, option in ipairs({ SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOUNKNOWN, SMFIP_NR_MAIL, SMFIP_NR_RCPT,
	SMFIP_NR_HDR, SMFIP_NR_EOH, SMFIP_NR_BODY }) do
	want("no round trip for it: " .. option, mt.test_option(conn, option))
end
want("but for DATA", not mt.test_option(conn, SMFIP_NODATA) and not mt.test_option(conn, SMFIP_NR_DATA))
for _ = 1, 3 do
	envelope(conn, nil, PERSON)
	fine("data", mt.data(conn))
	want("done with it", mt.getreply(conn) == SMFIR_ACCEPT)
end
mt.disconnect(conn)
