--- Names of hosts and services are looked up off the loop's thread.

local anyio = require "anyio"
local dns = require "anyrun.dns"
local t = require "harness"

local STREAM <const> = { type = "SOCK_STREAM" }

-- The face that has the backend's own functions.
local function natives()
  if t.backend == "trio" then return require("trio").socket end
  local loop = require("asyncio").get_running_loop()
  return {
    getaddrinfo = function(...) return loop:getaddrinfo(...) end,
    getnameinfo = function(...) return loop:getnameinfo(...) end,
  }
end

local function refused(code, text, f, ...)
  local err = t.raises(anyio.OSError, f, ...)
  t.eq(err.name, "gaierror")
  t.eq(err.code, code)
  t.eq(math.type(err.errno), "integer")
  t.match(err.message, text)
  return err
end

t.test("[DNS-01] an address gives one entry: family, type, protocol, name, address", function()
  t.eq(anyio.getaddrinfo("127.0.0.1", 80, STREAM),
    { { "AF_INET", "SOCK_STREAM", 6, "", { "127.0.0.1", 80 } } })
end)

t.test("[DNS-01 DNS-03] IPv6 addresses have two parts, a scope stays at the host", function()
  t.eq(anyio.getaddrinfo("::1", 0, STREAM),
    { { "AF_INET6", "SOCK_STREAM", 6, "", { "::1", 0 } } })
  t.eq(anyio.getaddrinfo("fe80::1%1", 1, STREAM)[1][5], { "fe80::1%1", 1 })
end)

t.test("a backend's own function leaves the four parts of an IPv6 address", function()
  local native = natives()
  t.eq(native.getaddrinfo("fe80::1%1", 1, STREAM)[1][5], { "fe80::1", 1, 0, 1 })
  t.eq(native.getaddrinfo("127.0.0.1", 1, STREAM)[1][5], { "127.0.0.1", 1 })
  local host, service = native.getnameinfo({ "fe80::1", 7, 0, 1 },
    { "NI_NUMERICHOST", "NI_NUMERICSERV" })
  t.match(host, "^fe80::1%%%w+$")
  t.eq(service, "7")
end)

t.test("names of hosts and services are found", function()
  local entries = anyio.getaddrinfo("localhost", "http", STREAM)
  t.ok(#entries > 0)
  for _, entry in ipairs(entries) do
    t.eq(entry[2], "SOCK_STREAM")
    t.eq(entry[5][2], 80)
  end
end)

t.test("options narrow the answer", function()
  local entries = anyio.getaddrinfo("localhost", 1, {
    family = "AF_INET", type = "SOCK_DGRAM", proto = "IPPROTO_UDP",
    flags = { "AI_CANONNAME", "AI_ADDRCONFIG" },
  })
  t.eq(entries[1][1], "AF_INET")
  t.eq(entries[1][2], "SOCK_DGRAM")
  t.eq(entries[1][4], "localhost")
  t.eq(anyio.getaddrinfo(nil, 1, { flags = "AI_PASSIVE", family = 2 })[1][5],
    { "0.0.0.0", 1 })
end)

t.test("[DNS-02] an international name is looked up as ASCII", function()
  t.eq(dns.to_ascii "Bücher.example", "xn--bcher-kva.example")
  t.eq(dns.to_ascii "faß.de", "xn--fa-hia.de")
  t.eq(dns.to_ascii "Plain_Name.example", "Plain_Name.example")
  refused("EAI_NONAME", "^xn%-%-bcher%-kva: ", anyio.getaddrinfo, "bücher", 1,
    { flags = "AI_NUMERICHOST" })
  t.raises(anyio.ValueError, anyio.getaddrinfo, "\xff\xfe", 1)
end)

t.test("[DNS-05] an address has the names that the system gives it", function()
  local host, service = anyio.getnameinfo({ "127.0.0.1", 80 }, "NI_NUMERICHOST")
  t.eq(host, "127.0.0.1")
  t.eq(service, "http")
  host, service = anyio.getnameinfo({ "::1", 80 },
    { flags = { "NI_NUMERICHOST", "NI_NUMERICSERV" } })
  t.eq(host, "::1")
  t.eq(service, "80")
  t.eq(type(anyio.getnameinfo { "127.0.0.1", 80 }), "string")
end)

t.test("[DNS-05] others run while a name is looked up", function()
  local order = {}
  anyio.create_task_group(function(tg)
    for _, host in ipairs { "localhost", "127.0.0.1" } do
      for _, call in ipairs { anyio.getaddrinfo, natives().getaddrinfo } do
        tg:start_soon(function()
          order[#order + 1] = "asks"
          call(host, "80")
          order[#order + 1] = "knows"
        end)
      end
    end
  end)
  t.eq(order, { "asks", "asks", "asks", "asks",
    "knows", "knows", "knows", "knows" })
end)

t.test("what cannot be found is an OSError with code and name", function()
  refused("EAI_NONAME", "^nowhere: ", anyio.getaddrinfo, "nowhere", 1,
    { flags = "AI_NUMERICHOST" })
  local err = t.raises(anyio.OSError, anyio.getaddrinfo, "no-such.invalid", 1)
  t.eq(err.name, "gaierror")
  t.match(err.message, "^no%-such%.invalid: ")
  refused("EAI_SERVICE", "^no%-such%-service: ", anyio.getaddrinfo, "localhost",
    "no-such-service")
  refused("EAI_ADDRFAMILY", "^127%.0%.0%.1: ", anyio.getaddrinfo, "127.0.0.1", 1,
    { family = "AF_INET6" })
  refused("EAI_NONAME", "^getaddrinfo: ", anyio.getaddrinfo)
  refused("EAI_NONAME", "^localhost: ", anyio.getnameinfo, { "localhost", 1 })
  refused("EAI_NONAME", "^127%.0%.0%.1: ", natives().getnameinfo, { "127.0.0.1", 1 },
    { "NI_NAMEREQD", "NI_NUMERICHOST", "NI_NUMERICSERV" })
end)

t.test("[DNS-06] connecting to a name that is not found raises the resolver's own error", function()
  local err = t.raises(anyio.OSError, anyio.connect_tcp, "no-such.invalid", 80)
  t.eq(err.name, "gaierror")
  t.eq(err.cause, nil)
  t.match(err.message, "^no%-such%.invalid: ")
end)

t.test("a wrong argument is refused by name", function()
  t.raises("bad argument #1 to 'getaddrinfo'", anyio.getaddrinfo, {}, 1)
  t.raises("bad argument #2 to 'getaddrinfo'", anyio.getaddrinfo, "x", {})
  t.raises("unknown option 'famly'", anyio.getaddrinfo, "x", 1, { famly = 1 })
  local err = t.raises(anyio.ValueError, anyio.getaddrinfo, "x", 1,
    { family = "AF_X" })
  t.match(err.message, "'AF_X' %(known: AF_INET, AF_INET6,")
  t.raises("unknown flag 'AI_X'", anyio.getaddrinfo, "x", 1, { flags = { "AI_X" } })
  t.raises("unknown type 'SOCK_X'", anyio.getaddrinfo, "x", 1, { type = "SOCK_X" })
  t.raises("port must be between 0 and 65535, not 65536", anyio.getaddrinfo, "x", 65536)
  t.raises("port must be between 0 and 65535, not -1", anyio.getnameinfo, { "::1", -1 })
  t.raises("zero byte", anyio.getaddrinfo, "a\0b", 1)
  t.raises("zero byte", anyio.getnameinfo, { "a\0b", 1 })
  t.raises("bad argument #1 to 'getnameinfo'", anyio.getnameinfo, {})
  t.raises("unknown flag 'NI_X'", anyio.getnameinfo, { "::1", 1 }, "NI_X")
  t.raises("unknown option 'flag'", anyio.getnameinfo, { "::1", 1 }, { flag = 1 })
end)

t.test("numbers that are none of the system's are refused, not cut", function()
  local too_large <const> = (1 << 32) + 2 -- AF_INET, if it were cut
  for _, name in ipairs { "family", "type", "proto", "flags" } do
    t.isa(t.raises(("there is no %s %d"):format(({ proto = "protocol",
      flags = "flag" })[name] or name, too_large), anyio.getaddrinfo, "127.0.0.1", 80,
      { [name] = too_large }), anyio.ValueError)
  end
  for _, port in ipairs { "65536", "70000", ("9"):rep(30) } do
    t.isa(t.raises("port must be between 0 and 65535", anyio.getaddrinfo,
      "127.0.0.1", port), anyio.ValueError)
  end
  t.isa(t.raises("there is no flag", anyio.getnameinfo, { "127.0.0.1", 80 },
    1 << 33), anyio.ValueError)
  for _, scope in ipairs { 1 << 32, -1, "x", 1.5 } do
    t.raises("bad argument #1 to 'getnameinfo'", anyio.getnameinfo,
      { "fe80::1", 80, 0, scope })
    t.raises("bad argument #1 to 'getnameinfo'", anyio.getnameinfo,
      { "fe80::1", 80, scope })
  end
end)

t.test("what is wrong with a call is said at the caller's line", function()
  local here <const> = "^[^:]*test_names%.lua:%d+: bad argument"
  local function look_up() local _ = anyio.getaddrinfo(5) end
  local ok, err = pcall(look_up) -- the text is looked at
  t.no(ok)
  t.match(err, here)
end)

t.test("a look-up in a scope that is cancelled is not begun", function()
  for _, host in ipairs { "localhost", "127.0.0.1", "no.address" } do
    local scope = anyio.CancelScope(function(s)
      s:cancel()
      anyio.getaddrinfo(host, 80, { flags = "AI_NUMERICHOST" })
    end)
    t.eq(scope.cancelled_caught, true)
    scope = anyio.CancelScope(function(s)
      s:cancel()
      anyio.getnameinfo { "127.0.0.1", 80 }
    end)
    t.eq(scope.cancelled_caught, true)
  end
end)

t.test("a cancelled look-up is left at once, its answer dropped", function()
  for _ = 1, 20 do
    local went_on
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.getaddrinfo("localhost", "http")
        went_on = true
      end)
      tg:start_soon(function()
        anyio.getnameinfo { "127.0.0.1", 80 }
        went_on = true
      end)
      tg:start_soon(function() tg.cancel_scope:cancel() end)
    end)
    t.eq(went_on, nil)
  end
end)

t.test("a shield keeps a look-up from being left", function()
  local entries
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope({ shield = true }, function()
        entries = anyio.getaddrinfo("localhost", "http", STREAM)
      end)
    end)
    tg:start_soon(function() tg.cancel_scope:cancel() end)
  end)
  t.eq(entries and entries[1][2], "SOCK_STREAM")
end)

t.test("many look-ups at once, none lost", function()
  local n = 0
  anyio.create_task_group(function(tg)
    for i = 1, 200 do
      tg:start_soon(function()
        local entries = anyio.getaddrinfo("localhost", tostring(i), STREAM)
        if entries[1][5][2] == i then n = n + 1 end
      end)
    end
  end)
  t.eq(n, 200)
end)
