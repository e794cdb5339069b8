--- A TLS session in which the n-th request for memory fails (arg[1]; 0: none,
-- then it prints how many there were). What arrives must be what was sent, or
-- there was an error. See allocations.lua.
package.path = "test/lua/?.lua;" .. package.path
local hooks = require "_anyrun.test"
local anyio = require "anyio"
local peers = require "tlspeers"

local n = tonumber(arg[1])
local data = ("0123456789"):rep(8000)
local contexts = {client = peers.client_context(), server = peers.server_context(), size = 1}
local got

local function main()
  local client, server = peers.session(contexts)
  local parts = {}
  peers.together(function()
    for _ = 1, 3 do client:send(data) end
    client:aclose()
  end, function()
    for chunk in server do parts[#parts + 1] = chunk end
    server:aclose()
  end)
  got = table.concat(parts)
end

local _, _, before = hooks.memory()
-- Two in a row: Lua asks again after a collection.
hooks.fail_at(n, 2)
local ok = pcall(anyio.run, main)
hooks.fail_at(0)
local _, _, after = hooks.memory()
if n == 0 then print(math.tointeger(after - before)) end
if got and got ~= data:rep(3) then os.exit(3) end
os.exit(ok and 0 or 1, true)
