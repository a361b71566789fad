-- SPDX-License-Identifier: Apache-2.0
-- discard, but others get it too: only our recipients are removed.
--records 1
--log status=stored (remove recipients)
dofile(top .. "/common.lua")
local conn = dial()
want("goes on", send(conn, REPORT, PERSON, RUA, "<RUA@Test.Example>") == SMFIR_CONTINUE)
want("ours", removed(conn, RUA))
want("ours as it was written", removed(conn, "<RUA@Test.Example>"))
want("not theirs", not removed(conn, PERSON))
want("no header", said(conn) == nil)
mt.disconnect(conn)
