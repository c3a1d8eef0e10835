-- Lets a request pass whose key is among those that the route's configuration knows by their hashes.
--
-- The configuration maps the hash of each key to what has to be known of it: id, priority, expires and spent (seconds
-- since the epoch), retry (seconds).

local bit = require("bit")
local band, bnot, bxor, ror, rshift = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift
local tobit, tohex = bit.tobit, bit.tohex
local byte, find, floor, rep, sub = string.byte, string.find, math.floor, string.rep, string.sub

local METADATA = "skyserve.key"
local PRIORITY = "x-skyserve-priority"

-- "sk-" and 32 bytes in base64. Whatever is longer or shorter is no key, and costs nobody a hash.
local KEY_LENGTH = 46
-- Hashes kept by each thread, of keys that were good: others would let a stranger fill the memory.
local MOST_KNOWN = 4096

-- FIPS 180-4, sections 4.2.2 and 5.3.3: the first 32 bits of the fractions of the cube roots of the first 64 primes, and
-- of the square roots of the first 8.
local ROUNDS, INITIAL = {}, {}

local function prime(number)
  for divisor = 2, floor(number ^ 0.5) do
    if number % divisor == 0 then
      return false
    end
  end
  return true
end

local number = 2
while #ROUNDS < 64 do
  if prime(number) then
    ROUNDS[#ROUNDS + 1] = tobit(floor(number ^ (1 / 3) % 1 * 2 ^ 32))
    if #INITIAL < 8 then
      INITIAL[#INITIAL + 1] = tobit(floor(number ^ 0.5 % 1 * 2 ^ 32))
    end
  end
  number = number + 1
end

local w = {}

-- SHA-256 of a text that fills no more than one block, that is of up to 55 bytes.
local function sha256(text)
  local block = text .. "\128" .. rep("\0", 61 - #text) .. string.char(floor(#text / 32), #text * 8 % 256)
  for i = 1, 16 do
    local a, b, c, d = byte(block, 4 * i - 3, 4 * i)
    w[i] = tobit(a * 2 ^ 24 + b * 2 ^ 16 + c * 2 ^ 8 + d)
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
    local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
    w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
  end
  local a, b, c, d, e, f, g, h = unpack(INITIAL)
  for i = 1, 64 do
    local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
    local t1 = tobit(h + s1 + bxor(band(e, f), band(bnot(e), g)) + ROUNDS[i] + w[i])
    local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
    local t2 = s0 + bxor(band(a, b), band(a, c), band(b, c))
    h, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + t2)
  end
  local words = { a, b, c, d, e, f, g, h }
  for i = 1, 8 do
    words[i] = tohex(tobit(words[i] + INITIAL[i]))
  end
  return table.concat(words)
end

local known, how_many = {}, 0

-- What is known of the key, if it is one.
local function entry_of(key, context)
  if key == nil or #key ~= KEY_LENGTH then
    return nil
  end
  local hash = known[key]
  if hash then
    return context:get(hash)
  end
  hash = sha256(key)
  local entry = context:get(hash)
  if entry then
    if how_many == MOST_KNOWN then
      known, how_many = {}, 0
    end
    known[key], how_many = hash, how_many + 1
  end
  return entry
end

local function bearer(given)
  return given and find(given, "^[Bb][Ee][Aa][Rr][Ee][Rr] ") and sub(given, 8) or nil
end

local function refuse(handle, status, kind, message, header, value)
  handle:streamInfo():dynamicMetadata():set(METADATA, "refused", kind)
  handle:respond({ [":status"] = status, [header] = value }, message)
end

local function unknown(handle, given)
  local message = "The API key is not one of this service's: it is wrong, or was revoked."
  if not given then
    message = "An API key is needed. Send it as header 'Authorization: Bearer KEY', or 'x-api-key: KEY'."
  end
  refuse(handle, "401", "invalid_api_key", message, "www-authenticate", "Bearer")
end

-- A key is not passed on: what a replica does not know it cannot log. Either header may hold something else, which is
-- the replica's affair.
function envoy_on_request(handle)
  local headers, context = handle:headers(), handle:filterContext()
  local authorization, other = bearer(headers:get("authorization")), headers:get("x-api-key")
  local entry, second = entry_of(authorization, context), entry_of(other, context)
  if not entry and not second then
    return unknown(handle, authorization or other)
  end
  if entry then
    headers:remove("authorization")
  end
  if second then
    headers:remove("x-api-key")
  end
  entry = entry or second
  handle:streamInfo():dynamicMetadata():set(METADATA, "id", entry.id)
  local now = (entry.expires or entry.spent) and os.time()
  if entry.expires and now >= entry.expires then
    return refuse(handle, "401", "expired_api_key", "The API key has expired.", "www-authenticate", "Bearer")
  end
  if entry.spent and now < entry.spent then
    local wait = string.format("%d", entry.spent - now)
    local message = "The API key's budget of tokens is spent. It is full again in " .. wait .. " s."
    return refuse(handle, "429", "token_budget_exceeded", message, "retry-after", wait)
  end
  if entry.retry then
    handle:streamInfo():dynamicMetadata():set(METADATA, "retry", entry.retry)
  end
  if entry.priority then
    headers:replace(PRIORITY, entry.priority)
  else
    headers:remove(PRIORITY)
  end
end
