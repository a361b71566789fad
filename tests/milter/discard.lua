-- SPDX-License-Identifier: Apache-2.0
-- A stored report is discarded: nothing else is asked of the MTA.
--records 1
--log status=stored (discard)
dofile(top .. "/common.lua")
local conn = dial()
want("discard", send(conn, REPORT, RUA) == SMFIR_DISCARD)
want("nothing else", untouched(conn))
mt.disconnect(conn)
