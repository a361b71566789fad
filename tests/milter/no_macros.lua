-- SPDX-License-Identifier: Apache-2.0
-- An MTA that tells no queue id: the log makes one up.
--records 1
--log no-queue-id-
dofile(top .. "/common.lua")
local conn = dial()
envelope(conn, nil, RUA)
want("discard", rest(conn, read(REPORT)) == SMFIR_DISCARD)
mt.disconnect(conn)
-- one that does not belong into a log line
conn = dial()
envelope(conn, "Q1: from=<forged>\n", RUA)
want("goes on", rest(conn, HUMAN) == SMFIR_CONTINUE)
mt.disconnect(conn)
