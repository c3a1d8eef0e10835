-- Lets a request pass whose key is among those that are known by their hashes.
--
-- Before this stand tables from the hash of a key to what has to be known of it: IDS, PRIORITIES, EXPIRES and SPENT (seconds
-- since the epoch), RATES (requests a minute); and COUNTS, whether the tokens of answers are counted. They are part of the script, since what Envoy hands a script it copies anew for each
-- request, which with a thousand keys takes a millisecond.

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

-- The hash of the key, if it is one.
local function hash_of(key)
  if key == nil or #key ~= KEY_LENGTH then
    return nil
  end
  local hash = known[key]
  if hash then
    return hash
  end
  hash = sha256(key)
  if not IDS[hash] then
    return nil
  end
  if how_many == MOST_KNOWN then
    known, how_many = {}, 0
  end
  known[key], how_many = hash, how_many + 1
  return hash
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
  local headers = handle:headers()
  local authorization, other = bearer(headers:get("authorization")), headers:get("x-api-key")
  local first, second = hash_of(authorization), hash_of(other)
  local hash = first or second
  if not hash then
    return unknown(handle, authorization or other)
  end
  if first then
    headers:remove("authorization")
  end
  if second then
    headers:remove("x-api-key")
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(METADATA, "id", IDS[hash])
  local expires, spent, rate = EXPIRES[hash], SPENT[hash], RATES[hash]
  local now = (expires or spent) and os.time()
  if expires and now >= expires then
    return refuse(handle, "401", "expired_api_key", "The API key has expired.", "www-authenticate", "Bearer")
  end
  if spent and now < spent then
    local wait = string.format("%d", spent - now)
    local message = "The API key's budget of tokens is spent. It is full again in " .. wait .. " s."
    return refuse(handle, "429", "token_budget_exceeded", message, "retry-after", wait)
  end
  if rate then
    metadata:set(METADATA, "rate", tostring(rate))
    -- By then at the latest the bucket has one more.
    metadata:set(METADATA, "retry", tostring(math.ceil(60 / rate)))
  end
  local priority = PRIORITIES[hash]
  if priority then
    headers:replace(PRIORITY, priority)
  else
    headers:remove(PRIORITY)
  end
  if COUNTS then
    -- The tokens of an answer that is compressed could not be read.
    headers:remove("accept-encoding")
  end
end
