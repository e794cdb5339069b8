--- The driver measures how long this takes from outside.
run(function()
  print("hello")
end)
