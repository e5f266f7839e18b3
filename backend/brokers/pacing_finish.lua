-- The call is over: count it, let its places come back, share its answer, stop the world on a 429.
local stop, tokens, gate, slots, answer, metrics = unpack(KEYS)
local me, label, outcome = ARGV[1], ARGV[2], ARGV[3]
local window, interval, share = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local body, is_answered, hold = ARGV[7], ARGV[8] == '1', tonumber(ARGV[9])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number)
  return string.format('%.0f', number)
end

-- An answer is as old as its question: what happened in between may be missing from it.
local held_until = tonumber(redis.call('ZSCORE', tokens, me)) or now
local asked = math.min(now, held_until - hold)
redis.call('ZADD', tokens, text(now + window), me)
redis.call('ZREM', slots, me)
if interval > 0 then redis.call('SET', gate, text(now + interval), 'PX', interval) end
local left = share - (now - asked)
if left > 0 and body ~= '' then redis.call('SET', answer, body, 'PX', text(left)) end
redis.call('HINCRBY', metrics, 'calls|' .. label .. '|' .. outcome, 1)

local is_probe = redis.call('HGET', stop, 'probe') == me
if outcome == 'rate_limited' then
  local level = 0
  if redis.call('EXISTS', stop) == 1 then
    if not is_probe then return end
    level = tonumber(redis.call('HGET', stop, 'level'))
  end
  local pause = ARGV[math.min(10 + level, #ARGV)]
  redis.call('HSET', stop, 'until', text(now + tonumber(pause)), 'level', level + 1)
  redis.call('HDEL', stop, 'probe', 'probing_until')
elseif is_probe and is_answered then
  redis.call('DEL', stop)
elseif is_probe then
  redis.call('HDEL', stop, 'probe', 'probing_until')
end
