-- Typed attributes: facts about an object by unique keys.

local anyio = require "anyio"
local t = require "harness"

local Peer = anyio.TypedAttributeSet("Peer", { "user", "host", "flag" })
local Other = anyio.TypedAttributeSet("Other",
  { user = anyio.typed_attribute() })

local Stream = anyio.TypedAttributeProvider("Stream")
function Stream:extra_attributes()
  return {
    [Peer.user] = function() return "root" end,
    [Peer.flag] = function() return false end,
    [Peer.host] = function()
      error(anyio.LookupError("from the getter"))
    end,
  }
end

t.test("[TA-01] extra asks the table for the key and calls its getter",
  function()
    t.eq(Stream():extra(Peer.user), "root")
    t.eq(Stream():extra(Peer.flag, true), false)
  end)

t.test("[TA-02] an unknown key is a lookup error, or the default, also nil",
  function()
    local stream = Stream()
    local err = t.raises(anyio.TypedAttributeLookupError, stream.extra, stream,
      Other.user)
    t.isa(err, anyio.LookupError)
    t.match(err.message, "Other.user")
    t.eq(stream:extra(Other.user, "nobody"), "nobody")
    t.eq(stream:extra(Other.user, nil), nil)
    t.eq(stream:extra(Other.user, false), false)
    t.raises("bad argument #1 to 'extra'", stream.extra, stream, nil)
  end)

t.test("[TA-03] a lookup error of the getter is passed on", function()
  local stream = Stream()
  local err = t.raises(anyio.LookupError, stream.extra, stream, Peer.host, "x")
  t.eq(err.message, "from the getter")
  t.no(anyio.isinstance(err, anyio.TypedAttributeLookupError))
end)

t.test("[TA-04] a wrapper adds to the table of what it wraps and overrides",
  function()
    local Wrapper = anyio.TypedAttributeProvider("Wrapper")
    function Wrapper:extra_attributes()
      local attributes = self.inner:extra_attributes()
      attributes[Peer.user] = function() return "wrapped" end
      attributes[Other.user] = function() return "added" end
      return attributes
    end
    local wrapper = Wrapper()
    wrapper.inner = Stream()
    t.eq(wrapper:extra(Peer.user), "wrapped")
    t.eq(wrapper:extra(Other.user), "added")
    t.eq(wrapper:extra(Peer.flag), false)
  end)

t.test("[TA-05] keys of different sets, and fresh ones, never collide",
  { plain = true }, function()
    t.ok(Peer.user ~= Other.user)
    t.ok(Peer.user ~= Peer.host)
    t.ok(anyio.typed_attribute() ~= anyio.typed_attribute())
    t.eq(tostring(Peer.user), "Peer.user")
    t.eq(tostring(Other.user), "Other.user")
    t.eq(tostring(Peer), "Peer")
    t.eq(Peer.nothing, nil)
  end)

t.test("sets are made of names", { plain = true }, function()
  t.raises("bad argument #1 to 'TypedAttributeSet' (string expected",
    anyio.TypedAttributeSet, nil)
  t.raises("bad argument #2 to 'TypedAttributeSet' (table expected",
    anyio.TypedAttributeSet, "X")
  t.raises("bad argument #2 to 'TypedAttributeSet' (names expected",
    anyio.TypedAttributeSet, "X", { 1 })
end)

t.test("a class of one's own provides by a table too", { plain = true },
  function()
    local Mine = { extra_attributes = { [Peer.user] = function() return 1 end } }
    anyio.TypedAttributeProvider(Mine)
    t.eq(setmetatable({}, Mine):extra(Peer.user), 1)
  end)
