-- SPDX-License-Identifier: Apache-2.0
-- An MTA that lets us do nothing of use: the nearest to what was meant.
--records 1
dofile(top .. "/common.lua")
local conn = dial(6, SMFIF_CHGBODY, 0)
want("discard needs none", send(conn, REPORT, RUA) == SMFIR_DISCARD)
want("delivered to all", send(conn, REPORT, RUA, PERSON) == SMFIR_CONTINUE)
want("nothing asked for", untouched(conn))
want("a person's", send(conn, HUMAN, RUA) == SMFIR_CONTINUE and untouched(conn))
mt.disconnect(conn)
conn = dial(6, SMFIF_ADDHDRS, 0)
want("accepted", send(conn, REPORT, RUA, PERSON) == SMFIR_CONTINUE)
want("with the header", said(conn):find("^stored; ") ~= nil and not removed(conn, RUA))
mt.disconnect(conn)
