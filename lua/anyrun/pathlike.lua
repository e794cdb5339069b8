--- What stands for a path: a string, or an object that says which.

local options = require "anyrun.options"

local type = type

--- The path of an argument.
---@param fname string the function's name as the caller knows it
---@param n integer which argument it is
---@param value any a string, or an object with a method `__fspath`
---@return string
---Checkpoint: never.
---@usage path = pathlike("connect_unix", 1, path)
return function(fname, n, value)
  if type(value) == "table" and value.__fspath then return value:__fspath() end
  return options.arg(fname, n, value, "string", 4)
end
