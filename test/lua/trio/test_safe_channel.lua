--- as_safe_channel: generators in tasks of their own.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"

local function counter(log)
  return trio.as_safe_channel(function(yield, n)
    local _ <close> = setmetatable({}, {__close = function() log "closed" end})
    for i = 1, n do
      log("makes " .. i)
      yield(i)
    end
    log "ends"
  end)
end

t.test("[TR-CH-16] a block gets the values; the loop ends with the generator", function()
  local log = t.log()
  local got = {}
  local a, b = counter(log)(3)(function(values)
    t.isa(values, trio.abc.ReceiveChannel)
    for value in values do got[#got + 1] = value end
    t.raises(trio.EndOfChannel, values.receive, values)
    return "a", "b"
  end)
  t.eq(got, {1, 2, 3})
  t.eq({a, b}, {"a", "b"})
  t.eq(log.items, {"makes 1", "makes 2", "makes 3", "ends", "closed"})
end)

t.test("[TR-CH-16] the generator runs only while a value is wanted", function()
  local log = t.log()
  counter(log)(3)(function(values)
    trio.testing.wait_all_tasks_blocked()
    t.eq(log.items, {})
    t.eq(values:receive(), 1)
    trio.testing.wait_all_tasks_blocked()
    t.eq(log.items, {"makes 1"})
    t.eq(values:receive(), 2)
    trio.testing.wait_all_tasks_blocked()
    t.eq(log.items, {"makes 1", "makes 2"})
  end)
  t.eq(log.items, {"makes 1", "makes 2", "closed"})
end)

t.test("[TR-CH-16] leaving the block closes the generator, which may wait meanwhile", function()
  local log = t.log()
  local safe = trio.as_safe_channel(function(yield)
    local ok, err = pcall(yield, 1)
    t.no(ok)
    t.isa(err, trio.Cancelled)
    trio.CancelScope{shield = true}(function() trio.sleep(0) end)
    log "cleaned up"
    error(err, 0)
  end)
  local kept
  safe()(function(values)
    kept = values
    t.eq(values:receive(), 1)
  end)
  t.eq(log.items, {"cleaned up"})
  t.raises(trio.ClosedResourceError, kept.receive, kept)
end)

t.test("[TR-CH-16] a nursery and a scope around yield are the generator's own", function()
  local safe = trio.as_safe_channel(function(yield)
    trio.open_nursery(function(nursery)
      trio.move_on_after(60, function()
        nursery:start_soon(trio.sleep_forever)
        for i = 1, 2 do yield(i) end
        nursery.cancel_scope:cancel()
      end)
    end)
  end)
  local got = {}
  trio.move_on_after(60, function()
    safe()(function(values)
      for value in values do got[#got + 1] = value end
    end)
  end)
  t.eq(got, {1, 2})
end)

t.test("[TR-CH-16] an error comes alone, two come as a group", function()
  local broken = trio.as_safe_channel(function(yield)
    yield(1)
    error("generator", 0)
  end)
  t.raises("generator", function()
    broken()(function(values) for _ in values do end end)
  end)
  local log = t.log()
  t.raises("block", function()
    counter(log)(2)(function(values)
      values:receive()
      error("block", 0)
    end)
  end)
  t.eq(log.items, {"makes 1", "closed"})
  local both = trio.as_safe_channel(function(yield)
    pcall(yield, 1)
    error("generator", 0)
  end)
  local err = t.group(function()
    both()(function(values)
      values:receive()
      error("block", 0)
    end)
  end)
  local leaves = err:leaves()
  table.sort(leaves)
  t.eq(leaves, {"block", "generator"})
end)

t.test("[TR-CH-16] a receive that is cancelled loses no value and asks for none too many", function()
  local send, receive = trio.open_memory_channel(0)
  local log = t.log()
  local safe = trio.as_safe_channel(function(yield)
    for value in receive do
      log(value)
      yield(value)
    end
  end)
  safe()(function(values)
    for _ = 1, 3 do
      trio.move_on_after(0, function() values:receive() end)
    end
    trio.open_nursery(function(nursery)
      nursery:start_soon(function()
        for i = 1, 3 do send:send(i) end
        send:close()
      end)
      trio.testing.wait_all_tasks_blocked()
      t.eq(log.items, {1})
      local got = {}
      for value in values do got[#got + 1] = value end
      t.eq(got, {1, 2, 3})
    end)
  end)
  receive:close()
end)

t.test("[TR-CH-16] several tasks receive, each value goes to one", function()
  local log = t.log()
  local got = {}
  counter(log)(10)(function(values)
    trio.open_nursery(function(nursery)
      for _ = 1, 3 do
        nursery:start_soon(function()
          for value in values do got[#got + 1] = value end
        end)
      end
    end)
  end)
  table.sort(got)
  t.eq(got, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
end)

t.test("[TR-CH-16] closed early, it wants nothing more", function()
  local log = t.log()
  counter(log)(3)(function(values)
    t.eq(values:receive(), 1)
    values:aclose()
    t.raises(trio.ClosedResourceError, values.receive, values)
  end)
  t.eq(log.items[#log.items], "closed")
end)

t.test("[TR-CH-16] from outside it is cancelled as one", function()
  local log = t.log()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      counter(log)(3)(function(values)
        values:receive()
        trio.sleep_forever()
      end)
    end)
    trio.testing.wait_all_tasks_blocked()
    nursery.cancel_scope:cancel()
  end)
  t.eq(log.items, {"makes 1", "closed"})
end)

t.test("[TR-CH-16] wrong use", function()
  t.raises("bad argument #1 to 'as_safe_channel' (callable expected", trio.as_safe_channel, 1)
  local safe = trio.as_safe_channel(function(yield) yield(nil) end)
  t.raises("bad argument #1 to 'as_safe_channel' (callable expected", safe(), 5)
  t.raises("bad argument #1 to 'yield' (nil cannot be sent)", function()
    safe()(function(values) values:receive() end)
  end)
end)

t.test("[TR-CH-16] only in a trio run", {plain = true}, function()
  local safe = trio.as_safe_channel(print)
  t.match(tostring(t.raises(anyio.RuntimeError, anyio.run, function() safe()(print) end,
    {backend = "asyncio"})), "needs a trio run")
end)

t.test("channels are channels", function()
  local send, receive = trio.open_memory_channel(0)
  t.isa(send, trio.abc.SendChannel)
  t.isa(receive, trio.abc.ReceiveChannel)
  t.isa(receive, trio.abc.AsyncResource)
  t.no(anyio.isinstance(send, trio.abc.ReceiveChannel))
  local Both = trio.abc.Channel "Both"
  t.isa(Both(), trio.abc.SendChannel)
  t.isa(Both(), trio.abc.ReceiveChannel)
  for _, method in ipairs{"send", "receive", "aclose"} do
    t.match(tostring(t.raises(anyio.NotImplementedError, Both()[method], Both(), 1)), method)
  end
  local n = 0
  function Both.receive()
    n = n + 1
    if n > 2 then error(trio.EndOfChannel()) end
    return n
  end
  local got = {}
  for value in Both() do got[#got + 1] = value end
  t.eq(got, {1, 2})
end)
