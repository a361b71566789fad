-- SPDX-License-Identifier: Apache-2.0
-- common.lua - what the scripts share. Each begins with
--     dofile(top .. "/common.lua")
-- and tests/integration/test_milter_lua.py runs it with a milter of its own.
-- Lines of a script that it reads:
--     --milter KEY = VALUE   a key of [milter]
--     --locked               the database is somebody else's meanwhile
--     --records N            so many records are there at the end
--     --log TEXT             this is in the log at the end
-- Globals: socket (of the milter), top (this folder), mails (the fixtures).

RUA, PERSON = "<rua@test.example>", "<person@test.example>"
REPORT, TWO, CUT = "gzip_octet_stream.eml", "two_reports.eml", "truncated_gzip.eml"
HUMAN = { { { "From", " a@b.example" }, { "Subject", " hello" } }, "Good morning\r\n" }

mt.set_timeout(60) -- ten seconds are its own, and a busy machine's fsyncs may take them

-- miltertest does not tell what an error was
local function stop(text)
	mt.echo(text .. " (line " .. debug.getinfo(3, "l").currentline .. ")")
	error(text)
end

function want(what, is_so)
	if not is_so then stop(what) end
end

function fine(what, result)
	if result ~= nil then stop(what .. ": " .. tostring(result)) end
end

-- nil is all that miltertest knows; it sends steps and actions the other way
-- round than its manual tells
function dial(version, actions, steps)
	local conn = mt.connect(socket)
	want("connect", conn ~= nil)
	fine("negotiate", mt.negotiate(conn, version, steps, actions))
	return conn
end

-- A fixture as { fields, body }, without what servers put in front of it: one
-- that was held for days would wait with us.
function read(name)
	local f = assert(io.open(mails .. "/" .. name, "rb"))
	local text = f:read("*a"):gsub("\r\n", "\n")
	f:close()
	local cut = text:find("\n\n", 1, true)
	local fields, is_skipped = {}, false
	for line in text:sub(1, cut):gmatch("([^\n]*)\n") do
		local name, value = line:match("^([!-9;-~]+):(.*)$")
		if name ~= nil then
			is_skipped = name == "Received" or name == "Return-Path"
			if not is_skipped then table.insert(fields, { name, value }) end
		elseif not is_skipped then
			fields[#fields][2] = fields[#fields][2] .. "\n" .. line
		end
	end
	return { fields, (text:sub(cut + 2):gsub("\n", "\r\n")) }
end

-- The envelope; the answer to its last command.
function envelope(conn, id, ...)
	if id ~= nil then mt.macro(conn, SMFIC_MAIL, "i", id) end
	fine("mailfrom", mt.mailfrom(conn, "<noreply@reporter.example>"))
	for _, to in ipairs({ ... }) do fine("rcptto", mt.rcptto(conn, to)) end
	return mt.getreply(conn)
end

function header(conn, mail)
	for _, field in ipairs(mail[1]) do fine(field[1], mt.header(conn, field[1], field[2])) end
end

function rest(conn, mail)
	header(conn, mail)
	fine("eoh", mt.eoh(conn))
	fine("body", mt.bodystring(conn, mail[2]))
	fine("eom", mt.eom(conn))
	return mt.getreply(conn)
end

-- A mail (a table, or the name of a fixture) to its end; the last answer.
function send(conn, mail, ...)
	if type(mail) == "string" then mail = read(mail) end
	envelope(conn, "LUA", ...)
	return rest(conn, mail)
end

-- What the header says that was added, or nil.
function said(conn)
	if not mt.eom_check(conn, MT_HDRADD, "X-DMARC-Intake") then return nil end
	return (mt.getheader(conn, "X-DMARC-Intake", 0):gsub("^ ", ""))
end

function removed(conn, to) return mt.eom_check(conn, MT_RCPTDELETE, to) end

-- Nothing was asked for beside the last answer.
function untouched(conn)
	for _, what in ipairs({ MT_HDRADD, MT_HDRINSERT, MT_HDRCHANGE, MT_HDRDELETE, MT_BODYCHANGE, MT_QUARANTINE }) do
		if mt.eom_check(conn, what) then return false end
	end
	return not removed(conn, RUA) and not removed(conn, PERSON)
end
