-- Finds the beginning of a request's prompt, by which prefix_affinity chooses a replica.
--
-- The prompt of a chat is what its messages say, up to the end of the user's first: later turns begin the same. That of
-- other requests is `prompt` or `input`. What is found does not depend on blanks, on the order of keys, nor on how
-- characters are escaped. It is no JSON parser: it reads no further than it must, since bodies may be long, and whatever
-- is no JSON gives a prefix of no meaning, or none.

local find, sub, byte, char = string.find, string.sub, string.byte, string.char

-- Of the body, what is looked at. Before the prompt may stand the descriptions of tools.
local HEAD_BYTES = 131072
-- Of the keys of a message, far more than any has.
local KEY_BYTES = 64

local ESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return char(
    0xF0 + math.floor(code / 0x40000),
    0x80 + math.floor(code / 0x1000) % 0x40,
    0x80 + math.floor(code / 0x40) % 0x40,
    0x80 + code % 0x40
  )
end

-- The character that an escape beginning at `at` stands for, and the position after it.
local function unescaped(json, at)
  local letter = sub(json, at + 1, at + 1)
  if letter ~= "u" then
    return ESCAPED[letter] or letter, at + 2
  end
  local code, after = tonumber(sub(json, at + 2, at + 5), 16) or 0, at + 6
  if code >= 0xD800 and code < 0xDC00 and sub(json, after, after + 1) == "\\u" then
    -- The first half of a pair, as UTF-16 has it.
    local second = tonumber(sub(json, after + 2, after + 5), 16) or 0
    return utf8(0x10000 + (code - 0xD800) * 0x400 + (second - 0xDC00) % 0x400), after + 6
  end
  return utf8(code), after
end

-- The text of the string whose first character is at `from`, cut at `most` bytes or soon after, and the position after
-- its end; nil instead of the position if it was cut.
local function text_at(json, from, most)
  local parts, length, i = {}, 0, from
  local quote, escape = find(json, '"', i, true), find(json, "\\", i, true)
  while length < most do
    if quote and quote < i then
      quote = find(json, '"', i, true)
    end
    if escape and escape < i then
      escape = find(json, "\\", i, true)
    end
    local stop = math.min(quote or #json + 1, escape or #json + 1)
    if stop > i then
      parts[#parts + 1] = sub(json, i, math.min(stop, i + most - length) - 1)
      length = length + #parts[#parts]
    end
    if stop > #json then
      break
    elseif stop == quote then
      return table.concat(parts), stop + 1
    end
    parts[#parts + 1], i = unescaped(json, stop)
    length = length + #parts[#parts]
  end
  return table.concat(parts), nil
end

-- What the messages say whose list opens before `from`, up to the end of the user's first.
local function messages_at(json, from, most)
  local parts, length, depth, i = {}, 0, 1, from
  local field, inner, role
  while length < most do
    local at = find(json, '["{}%[%]]', i)
    if not at then
      break
    end
    local mark = sub(json, at, at)
    i = at + 1
    if mark == '"' then
      local text, after = text_at(json, i, math.max(most - length, KEY_BYTES))
      local is_key = after and find(json, "^%s*:", after)
      if is_key and depth == 2 then
        field, inner = text, nil
      elseif is_key then
        inner = text
      elseif field == "role" and depth == 2 then
        role = text
      elseif depth == 1 or (field == "content" and inner ~= "type") then
        parts[#parts + 1] = text
        length = length + #text
      end
      if depth == 1 or not after then
        break
      end
      i = after
    elseif mark == "{" or mark == "[" then
      depth = depth + 1
    else
      depth = depth - 1
      if depth == 0 or (depth == 1 and role == "user") then
        break
      elseif depth == 1 then
        parts[#parts + 1] = "\0"
        length = length + 1
        field, inner, role = nil, nil, nil
      end
    end
  end
  return table.concat(parts)
end

-- Where the value of a key begins, if it is a text or a list.
local function value_of(json, name)
  local from = 1
  while true do
    local _, stop = find(json, '"' .. name .. '"', from, true)
    if not stop then
      return nil
    end
    local _, opening = find(json, '^%s*:%s*["%[]', stop + 1)
    if opening then
      return opening
    end
    from = stop + 1
  end
end

-- At most `most` bytes; nil if there is none.
function prefix_of(json, most)
  local opening = value_of(json, "messages") or value_of(json, "prompt") or value_of(json, "input")
  if not opening then
    return nil
  end
  local tokens = string.match(sub(json, opening, opening + 2 * most), "^%[[%s%d,%[]+")
  local prefix
  if tokens and find(tokens, "%d") then
    prefix = string.gsub(tokens, "%s", "")
  elseif sub(json, opening, opening) == '"' then
    prefix = text_at(json, opening + 1, most)
  else
    prefix = messages_at(json, opening + 1, most)
  end
  return prefix ~= "" and sub(prefix, 1, most) or nil
end

-- Jenkins' one-at-a-time hash, 32 bits. What a request in flight keeps is this and not the text.
function hash_of(text)
  local hash = 0
  for i = 1, #text do
    hash = bit.tobit(hash + byte(text, i))
    hash = bit.tobit(hash + bit.lshift(hash, 10))
    hash = bit.bxor(hash, bit.rshift(hash, 6))
  end
  hash = bit.tobit(hash + bit.lshift(hash, 3))
  hash = bit.bxor(hash, bit.rshift(hash, 11))
  return bit.tohex(bit.tobit(hash + bit.lshift(hash, 15)))
end

function envoy_on_request(handle)
  local headers, settings = handle:headers(), handle:filterContext()
  -- Read now: once the body is awaited, neither may be used any more.
  local key, most = settings:get("key"), settings:get("prefix_bytes")
  local length = tonumber(headers:get("content-length") or "")
  if
    headers:get(":method") ~= "POST"
    or not length
    or length == 0
    or length > settings:get("body_bytes")
    or headers:get("content-encoding")
    or not find(string.lower(headers:get("content-type") or ""), "^application/json")
  then
    return
  end
  local body = handle:body()
  if not body then
    return
  end
  local prefix = prefix_of(body:getBytes(0, math.min(body:length(), HEAD_BYTES)), most)
  if prefix then
    handle:streamInfo():filterState():set(key, "envoy.hashable_string", hash_of(prefix))
  end
end
