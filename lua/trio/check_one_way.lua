--- Whether a stream keeps what trio's streams promise: one direction.

local errors = require "anyrun.errors"
local options = require "anyrun.options"
local tools = require "trio.check_tools"
local scope_lib = require "_anyrun.scope"
local streams = require "trio.streams"
local testing = require "trio.testing"

local CancelScope = scope_lib.CancelScope
local assert_checkpoints = testing.assert_checkpoints
local blocked = testing.wait_all_tasks_blocked
local both, close, expect, fail = tools.both, tools.close, tools.expect, tools.fail
local receive, refused, send, with = tools.receive, tools.refused, tools.send, tools.with
local ipairs = ipairs

---@class trio.testing.check_one_way
local checks = {}

local one_way = {}

one_way[#one_way + 1] = function(s, r)
  both(function() send(s, "x") end,
    function() expect("receive_some(1)", receive(r, 1), "x") end)
  both(function()
    send(s, "") -- no bytes mean nothing, least of all the end
    send(s, "y")
  end, function() expect("receive_some()", receive(r), "y") end)
end

one_way[#one_way + 1] = function(_, r)
  for _, n in ipairs { -1, 0 } do
    refused(("receive_some(%d)"):format(n), errors.ValueError, r.receive_some, r, n)
  end
  if errors.pcall(r.receive_some, r, 1.5) then fail "receive_some(1.5) is no error" end
end

one_way[#one_way + 1] = function(_, r)
  refused("two tasks that receive", errors.BusyResourceError, both,
    function() r:receive_some(1) end, function() r:receive_some(1) end)
end

one_way[#one_way + 1] = function(s, r)
  local got = ""
  both(function()
    send(s, "yz")
    close(s)
  end, function()
    blocked() -- the sender may have closed it long ago: all is still there
    repeat
      local data = receive(r, 1)
      got = got .. data
    until data == ""
  end)
  expect("what was sent before closing", got, "yz")
  expect("receive_some() after the end", receive(r, 1), "")
end

one_way[#one_way + 1] = function(s, r)
  close(s)
  close(s)
  for _, data in ipairs { "x", "" } do
    refused("send_all when closed", errors.ClosedResourceError, send, s, data)
  end
  refused("wait_send_all_might_not_block when closed", errors.ClosedResourceError,
    s.wait_send_all_might_not_block, s)
  expect("receive_some() of a stream that was closed", receive(r), "")
end

one_way[#one_way + 1] = function(_, r)
  close(r)
  close(r)
  refused("receive_some when closed", errors.ClosedResourceError, r.receive_some, r)
end

one_way[#one_way + 1] = function(s, r)
  close(r)
  -- how much a stream takes before it sees that nobody is there is its own
  refused("send_all to a closed stream", errors.BrokenResourceError, function()
    for _ = 1, 100000 do send(s, ("x"):rep(65536)) end
  end)
  refused("send_all to a broken stream", errors.BrokenResourceError, send, s, "x")
end

one_way[#one_way + 1] = function(_, r)
  both(function()
    refused("receive_some while it is closed", errors.ClosedResourceError,
      r.receive_some, r)
  end, function()
    blocked()
    r:aclose()
  end)
end

one_way[#one_way + 1] = function(s, r)
  streams.aclose_forcefully(s)
  refused("send_all when closed by force", errors.ClosedResourceError, send, s, "x")
  streams.aclose_forcefully(r)
  refused("receive_some when closed by force", errors.ClosedResourceError,
    r.receive_some, r)
end

one_way[#one_way + 1] = function(s, r)
  local scope = CancelScope(function(scope)
    both(function() r:receive_some() end, function()
      blocked()
      scope:cancel()
    end)
  end)
  expect("a cancelled receive_some", scope.cancelled_caught, true)
  both(function() send(s, "z") end,
    function() expect("receive_some() after a cancelled one", receive(r), "z") end)
end

-- A stream that takes no more -----------------------------------------------

local clogged = {}

for _, pair in ipairs {
  { "send_all", "send_all" }, { "send_all", "wait_send_all_might_not_block" },
  { "wait_send_all_might_not_block", "wait_send_all_might_not_block" },
} do
  clogged[#clogged + 1] = function(s)
    refused(pair[1] .. " and " .. pair[2] .. " at once", errors.BusyResourceError,
      both, function() s[pair[1]](s, "x") end, function() s[pair[2]](s, "x") end)
  end
end

clogged[#clogged + 1] = function(s, r)
  local order, receiving = {}, CancelScope()
  both(function()
    assert_checkpoints(function() s:wait_send_all_might_not_block() end)
    order[#order + 1] = "may send"
    receiving:cancel()
  end, function()
    blocked()
    order[#order + 1] = "receives"
    receiving(function() while true do r:receive_some(16384) end end)
  end)
  expect("wait_send_all_might_not_block of a clogged stream", order[1], "receives")
end

clogged[#clogged + 1] = function(s)
  for _, name in ipairs { "send_all", "wait_send_all_might_not_block" } do
    local scope = CancelScope(function(scope)
      both(function() s[name](s, "x") end, function()
        blocked()
        scope:cancel()
      end)
    end)
    expect("a cancelled " .. name, scope.cancelled_caught, true)
  end
end

for _, name in ipairs { "send_all", "wait_send_all_might_not_block" } do
  clogged[#clogged + 1] = function(s)
    both(function()
      refused(name .. " while it is closed", errors.ClosedResourceError, s[name], s, "x")
    end, function()
      blocked()
      s:aclose()
    end)
  end
end

clogged[#clogged + 1] = function(s, r)
  both(function()
    refused("send_all while the other side is closed", errors.BrokenResourceError,
      s.send_all, s, ("x"):rep(1000000))
  end, function()
    blocked()
    r:aclose()
  end)
end

--- Checks a stream that sends and one that receives from it.
---@param stream_maker fun(): trio.abc.SendStream, trio.abc.ReceiveStream
---@param clogged_stream_maker? fun() as `stream_maker`, where sending has to wait
---Checkpoint: always.
---Raises: AssertionError that says which promise was broken.
---@usage trio.testing.check_one_way_stream(make_pair)
function checks.check_one_way_stream(stream_maker, clogged_stream_maker)
  options.arg("check_one_way_stream", 1, stream_maker, "callable")
  options.arg("check_one_way_stream", 2, clogged_stream_maker, "callable?")
  for _, check in ipairs(one_way) do with(stream_maker, check) end
  if not clogged_stream_maker then return end
  for _, check in ipairs(clogged) do with(clogged_stream_maker, check) end
end

return checks
