--- Plain Lua: the least a script can do.
print("hello")
