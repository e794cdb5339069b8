--- A call that came while a run of trio made its last ones was let in, too: a
-- function that called itself again by the token, or threads that brought calls
-- as fast as they were made, kept the run from ever ending.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"

t.test("[TR-TOK-04] a call that begets itself does not keep a run from ending",
  {backend = "trio", plain = true}, function()
  local before, refused = 0, nil
  trio.run(function()
    local token = trio.lowlevel.current_trio_token()
    local function again()
      local ok, err = pcall(token.run_sync_soon, token, again)
      before = before + 1
      if not ok then refused = err end
    end
    again()
    trio.sleep(0)
  end)
  t.ok(before > 3)
  t.eq(refused.name, "RunFinishedError")
end)

t.test("[TR-TOK-05] one that does not expect to be refused is an internal error",
  {backend = "trio", plain = true}, function()
  local ok, err = anyio.pcall(trio.run, function()
    local token = trio.lowlevel.current_trio_token()
    local function again() token:run_sync_soon(again) end
    again()
  end)
  t.eq({ok, err.name}, {false, "TrioInternalError"})
  t.ok(err.message:find("RunFinishedError", 1, true))
end)
