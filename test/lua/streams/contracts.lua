--- What every stream, listener and connectable must do, whatever it is.
--
-- Each function defines the tests of one contract for one implementation;
-- `make` opens a fresh one inside a run. Streams come in pairs: what is sent
-- into the first comes out of the second, and the other way round where it is
-- a stream of both ways.

local anyio = require "anyio"
local t = require "harness"

local contracts = {}

local Thing = anyio.TypedAttributeSet("Thing", {"unknown"})

-- Runs `body(a, b)` with an open pair that is closed at the end.
local function with_pair(make, body)
  local a, b = make()
  local _ <close> = b
  local _ <close> = a
  body(a, b)
end

local function is_one(object, names)
  for _, name in ipairs(names) do t.isa(object, anyio.abc[name], name) end
end

-- Raises inside a scope that is cancelled already, and is then none the worse.
local function refuses_when_cancelled(f, ...)
  local args = table.pack(...)
  anyio.CancelScope(function(scope)
    scope:cancel()
    t.cancelled(f, table.unpack(args, 1, args.n))
  end)
end

local function resource_tests(name, make, each)
  t.test(name .. ": closing twice is harmless, and a block closes", function()
    with_pair(make, function(a, b)
      local kept
      anyio.with(a, function(got) kept = got end)
      t.ok(rawequal(kept, a), "the block gets the stream")
      a:aclose()
      b:aclose()
      each(a, b)
    end)
  end)

  t.test(name .. ": an attribute nobody has", function()
    with_pair(make, function(a, b)
      for _, stream in ipairs{a, b} do
        t.raises(anyio.TypedAttributeLookupError, stream.extra, stream, Thing.unknown)
        t.eq(stream:extra(Thing.unknown, false), false)
      end
    end)
  end)
end

-- Sending goes on in a task, so that a stream without a buffer works as well.
local function sending(stream, items, body)
  return anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for _, item in ipairs(items) do stream:send(item) end
    end)
    return body(tg)
  end)
end

--- Items of `make`'s pairs; `items` are three that can be sent.
---@param name string
---@param make fun(): table, table
---@param items any[]
---@param opts? table `both_ways`; `unbuffered`: a send waits for its receiver
function contracts.object_stream(name, make, items, opts)
  opts = opts or {}
  resource_tests(name, make, function(a, b)
    t.raises(anyio.ClosedResourceError, a.send, a, items[1])
    t.raises(anyio.ClosedResourceError, b.receive, b)
  end)

  t.test("[ST-01] " .. name .. ": is what it says", function()
    with_pair(make, function(a, b)
      is_one(a, {"ObjectSendStream", "UnreliableObjectSendStream", "AsyncResource"})
      is_one(b, {"ObjectReceiveStream", "UnreliableObjectReceiveStream", "AsyncResource"})
      if opts.both_ways then is_one(a, {"ObjectStream", "UnreliableObjectStream"}) end
    end)
  end)

  t.test("[ST-01] " .. name .. ": items come whole, in order, each once", function()
    with_pair(make, function(a, b)
      sending(a, items, function()
        for _, item in ipairs(items) do t.eq(b:receive(), item) end
      end)
    end)
  end)

  t.test("[ST-02] " .. name .. ": a loop ends where the sender has closed", function()
    with_pair(make, function(a, b)
      local got = {}
      anyio.create_task_group(function(tg)
        tg:start_soon(function()
          for _, item in ipairs(items) do a:send(item) end
          a:aclose()
        end)
        for item in b do got[#got + 1] = item end
      end)
      t.eq(got, items)
      t.raises(anyio.EndOfStream, b.receive, b)
    end)
  end)

  t.test(name .. ": a cancelled send sends nothing, a cancelled receive takes nothing", function()
    with_pair(make, function(a, b)
      refuses_when_cancelled(a.send, a, items[1])
      anyio.move_on_after(0, function() b:receive() end)
      sending(a, {items[2], items[3]}, function()
        refuses_when_cancelled(b.receive, b)
        t.eq(b:receive(), items[2])
        t.eq(b:receive(), items[3])
      end)
    end)
  end)

  t.test(name .. ": sending where nobody can receive", function()
    with_pair(make, function(a, b)
      b:aclose()
      t.raises(anyio.BrokenResourceError, a.send, a, items[1])
    end)
  end)

  if opts.both_ways then
    t.test("[ST-05] " .. name .. ": send_eof ends one way, also when repeated", function()
      with_pair(make, function(a, b)
        a:send_eof()
        a:send_eof()
        t.raises(anyio.EndOfStream, b.receive, b)
        t.raises(anyio.ClosedResourceError, a.send, a, items[1])
        sending(b, items, function()
          for _, item in ipairs(items) do t.eq(a:receive(), item) end
        end)
      end)
    end)
  end
end

-- Everything up to the end.
local function read_all(stream)
  local chunks = {}
  for chunk in stream do
    t.ok(chunk ~= "", "no empty chunk")
    chunks[#chunks + 1] = chunk
  end
  return table.concat(chunks)
end

--- Bytes of `make`'s pairs.
---@param name string
---@param make fun(): table, table
---@param opts? table `both_ways`
function contracts.byte_stream(name, make, opts)
  opts = opts or {}
  resource_tests(name, make, function(a, b)
    t.raises(anyio.ClosedResourceError, a.send, a, "x")
    t.raises(anyio.ClosedResourceError, b.receive, b)
  end)

  t.test("[ST-01] " .. name .. ": is what it says", function()
    with_pair(make, function(a, b)
      is_one(a, {"ByteSendStream", "AsyncResource"})
      is_one(b, {"ByteReceiveStream", "AsyncResource"})
      if opts.both_ways then is_one(a, {"ByteStream"}) end
    end)
  end)

  t.test("[ST-01 ST-02] " .. name .. ": all bytes arrive, then the loop ends", function()
    with_pair(make, function(a, b)
      local sent = {}
      for i = 1, 50 do sent[i] = string.rep(string.char(i), i * 700) end
      local got
      anyio.create_task_group(function(tg)
        tg:start_soon(function()
          for _, chunk in ipairs(sent) do a:send(chunk) end
          a:aclose()
        end)
        got = read_all(b)
      end)
      t.ok(got == table.concat(sent), "the same bytes")
      t.raises(anyio.EndOfStream, b.receive, b)
    end)
  end)

  t.test("[ST-03] " .. name .. ": from 1 to max_bytes bytes", function()
    with_pair(make, function(a, b)
      sending(a, {"hello"}, function()
        t.eq(b:receive(1), "h")
        local got = b:receive(3)
        t.ok(#got >= 1 and #got <= 3, "at most three")
        while #got < 4 do got = got .. b:receive(4 - #got) end
        t.eq(got, "ello")
      end)
      for _, max in ipairs{0, -1} do t.raises(anyio.ValueError, b.receive, b, max) end
      t.raises("bad argument #1 to 'receive'", function() b:receive("x") end)
    end)
  end)

  t.test(name .. ": a cancelled receive takes nothing", function()
    with_pair(make, function(a, b)
      anyio.move_on_after(0, function() b:receive() end)
      refuses_when_cancelled(a.send, a, "never")
      sending(a, {"hello"}, function()
        local got = b:receive()
        while #got < 5 do got = got .. b:receive() end
        t.eq(got, "hello")
      end)
    end)
  end)

  if opts.both_ways then
    t.test("[ST-05] " .. name .. ": send_eof ends one way, also when repeated", function()
      with_pair(make, function(a, b)
        a:send_eof()
        a:send_eof()
        t.raises(anyio.EndOfStream, b.receive, b)
        sending(b, {"answer"}, function()
          t.eq(a:receive(6), "answer")
        end)
      end)
    end)
  end
end

--- A listener: `make()` returns it and a function that connects to it, and
--- gives both ends something to say (a string).
---@param name string
---@param make fun(): table, fun(): table
function contracts.listener(name, make)
  local function serving(handler, body, group)
    local listener, connect = make()
    local _ <close> = listener
    anyio.create_task_group(function(tg)
      tg:start_soon(listener.serve, listener, handler, group)
      body(connect, listener)
      tg.cancel_scope:cancel()
    end)
  end

  local function echo(stream)
    local _ <close> = stream
    for item in stream do stream:send(item) end
  end

  t.test("[ST-01 ST-04] " .. name .. ": is a listener, closed more than once", function()
    local listener = make()
    is_one(listener, {"Listener", "AsyncResource"})
    listener:aclose()
    listener:aclose()
  end)

  t.test(name .. ": each connection is served in a task of its own", function()
    serving(echo, function(connect)
      local one <close> = connect()
      local two <close> = connect()
      two:send "b"
      one:send "a"
      t.eq(one:receive(), "a")
      t.eq(two:receive(), "b")
    end)
  end)

  t.test(name .. ": the handlers run in the group that is given", function()
    anyio.create_task_group(function(outer)
      local listener, connect = make()
      local stream
      do
        local _ <close> = listener
        anyio.create_task_group(function(tg)
          tg:start_soon(listener.serve, listener, echo, outer)
          stream = connect()
          stream:send "a"
          t.eq(stream:receive(), "a")
          tg.cancel_scope:cancel()
        end)
      end
      stream:send "still served"
      t.eq(stream:receive(), "still served")
      stream:aclose()
    end)
  end)

  t.test(name .. ": a handler that fails ends the serving", function()
    local err = t.group(serving, function(stream)
      local _ <close> = stream
      error("handler", 0)
    end, function(connect)
      local _ <close> = connect()
      anyio.sleep_forever()
    end)
    t.eq(err:leaves()[1], "handler")
  end)
end

return contracts
