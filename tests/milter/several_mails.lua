-- SPDX-License-Identifier: Apache-2.0
-- Mails of each kind on one connection, in turns: none leaks into the next.
--records 3
dofile(top .. "/common.lua")
local conn = dial()
for _ = 1, 3 do
	want("ours", send(conn, REPORT, RUA) == SMFIR_DISCARD)
	want("a person's", send(conn, HUMAN, RUA) == SMFIR_CONTINUE and said(conn) == "not a report")
	want("shared", send(conn, TWO, RUA, PERSON) == SMFIR_CONTINUE)
	want("ours goes", removed(conn, RUA) and said(conn) == nil)
	want("cut short", send(conn, CUT, RUA) == SMFIR_CONTINUE and not removed(conn, RUA))
	envelope(conn, nil, PERSON)
	fine("data", mt.data(conn))
	want("not ours", mt.getreply(conn) == SMFIR_ACCEPT)
end
mt.disconnect(conn)
