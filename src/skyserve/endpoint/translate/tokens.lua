-- Counts the tokens of an answer, as its `usage` tells them: in JSON, or in a stream of events. The answer passes as it
-- comes; nothing is held back, whatever its size.

local find, match, sub = string.find, string.match, string.sub

local METADATA = "skyserve.key"
-- Within a JSON text the quotes of an inner text are escaped, so that this can only be a key (or a text of this one word).
local USAGE = '"total_tokens"'
local NUMBER = '^"total_tokens"%s*:%s*(%d+)[^%d]'
-- Of what comes before a chunk, kept for a number that is cut in two.
local KEPT_BYTES = 64
-- A chunk is looked at in slices, since each becomes a text of its own.
local SLICE_BYTES = 65536
-- A stream that does not tell its usage counts one token an event. That is written down after so many events, so that a
-- client that hangs up early has used them too.
local STRIDE = 16

-- The last number told in the text; nil if there is none.
local function told_in(text)
  local from, tokens = 1, nil
  while true do
    local at, after = find(text, USAGE, from, true)
    if not at then
      return tokens
    end
    tokens, from = match(text, NUMBER, at) or tokens, after
  end
end

local function events_in(text)
  local from, count = 1, 0
  while true do
    local _, after = find(text, "data:", from, true)
    if not after then
      return count
    end
    count, from = count + 1, after
  end
end

local function note(handle, tokens)
  handle:streamInfo():dynamicMetadata():set(METADATA, "tokens", tonumber(tokens))
end

local function kind_of(handle)
  local content = handle:headers():get("content-type") or ""
  if find(content, "text/event-stream", 1, true) then
    return "events"
  end
  return find(content, "json", 1, true) and "json" or nil
end

function envoy_on_response(handle)
  local kind = kind_of(handle)
  if not kind then
    return
  end
  local kept, told, events, noted = "", false, 0, 0
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    for start = 0, length - 1, SLICE_BYTES do
      local slice = chunk:getBytes(start, math.min(SLICE_BYTES, length - start))
      local text = kept .. slice
      local tokens = told_in(text)
      if tokens then
        told = true
        note(handle, tokens)
      elseif kind == "events" and not told then
        events = events + events_in(slice)
      end
      kept = sub(text, -KEPT_BYTES)
    end
    if not told and (events >= noted + STRIDE or noted == 0 and events > 0) then
      note(handle, events)
      noted = events
    end
  end
  if not told and events > noted then
    note(handle, events)
  end
end
