--- `anyio.streams`: its modules are loaded when they are first looked at.

local rawset, require, setmetatable = rawset, require, setmetatable

local KNOWN <const> = {
  buffered = true, file = true, memory = true, stapled = true, text = true,
  tls = true,
}

return setmetatable({}, {
  __index = function(self, name)
    if not KNOWN[name] then return nil end
    local module = require("anyio.streams." .. name)
    rawset(self, name, module)
    return module
  end,
})
