-- SPDX-License-Identifier: Apache-2.0
-- Who reads X-DMARC-Intake may trust it: what came with the mail goes.
--milter action = accept
--records 1
dofile(top .. "/common.lua")
local forged = { { "X-DMARC-Intake", " stored; forged" }, { "x-dmarc-intake", " twice" } }
for _, mail in ipairs({ read(REPORT), HUMAN, read(CUT) }) do
	local conn = dial()
	local fields = { forged[1], forged[2] }
	for _, field in ipairs(mail[1]) do table.insert(fields, field) end
	want("goes on", send(conn, { fields, mail[2] }, RUA) == SMFIR_CONTINUE)
	want("removed", mt.eom_check(conn, MT_HDRDELETE, "X-DMARC-Intake"))
	want("ours is added", said(conn) ~= nil)
	mt.disconnect(conn)
end
local conn = dial()
want("without one", send(conn, HUMAN, RUA) == SMFIR_CONTINUE)
want("nothing to remove", not mt.eom_check(conn, MT_HDRDELETE))
mt.disconnect(conn)
