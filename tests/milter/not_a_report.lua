-- SPDX-License-Identifier: Apache-2.0
-- A person's mail and what cannot be read reach a person, who sees why.
--records 0
--log status=other (accept)
--log status=kept (accept
dofile(top .. "/common.lua")
local conn = dial()
want("goes on", send(conn, HUMAN, RUA) == SMFIR_CONTINUE and said(conn) == "not a report")
want("goes on", send(conn, CUT, RUA) == SMFIR_CONTINUE and said(conn):find("^not stored; ") ~= nil)
mt.disconnect(conn)
