std = "lua54"
max_line_length = 100
-- Every file but the library may use what anyrun gives to scripts.
local script_globals = { "run", "sleep", "current_async_library" }
-- Titles of tests are sentences with ids in front.
files["test"] = { read_globals = script_globals, max_line_length = 120 }
files["scripts/examples"] = { read_globals = script_globals }
-- The library makes no global and reads only Lua's own.
files["lua"] = { std = "lua54" }
-- Methods that a class must have but does not need `self` for.
self = false
