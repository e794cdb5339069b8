--- Messages began with ": " where the host or the path was empty, and a file that
--- was copied on to itself was an "Invalid argument".

local anyio = require "anyio"
local t = require "harness"

t.test("an empty name is told of as one", function()
  t.raises("'': ", anyio.connect_tcp, "", 80)
  t.raises("'': ", anyio.getaddrinfo, "", 80)
  t.raises("'': No such file or directory", anyio.open_file, "")
end)

t.test("a file is not copied on to itself, and the error says so", function()
  anyio.TemporaryDirectory(function(folder)
    local file, link = anyio.Path(folder, "a"), anyio.Path(folder, "b")
    file:write_text "text"
    link:hardlink_to(file)
    for _, target in ipairs{file, link} do
      local ok, err = anyio.pcall(file.copy, file, target)
      t.eq({ok, err.code, err.filename, err.filename2}, {false, "EINVAL", tostring(file), tostring(target)})
      t.ok(err.message:find("source and target are the same file", 1, true))
    end
    t.eq(file:read_text(), "text")
  end)
end)
