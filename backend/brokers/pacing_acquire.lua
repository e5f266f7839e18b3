-- May this call go out now? One round trip, Redis's own clock, the same books for every worker.
-- Answers {"go"}, {"answer", text, age_ms}, {"wait", ms}, {"stopped", ms} or {"throttled"}.
local stop, tokens, gate, slots, answer, metrics = unpack(KEYS)
local me, label = ARGV[1], ARGV[2]
local token_count, slot_count = tonumber(ARGV[3]), tonumber(ARGV[4])
local hold, keepalive_every = tonumber(ARGV[5]), tonumber(ARGV[6])
local share, max_age = tonumber(ARGV[7]), tonumber(ARGV[8])
local has_gate, waited, patience = ARGV[9] == '1', tonumber(ARGV[10]), tonumber(ARGV[11])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Numbers go back to Redis as text: Lua would write a moment in ms as 1.7e+12.
local function text(number)
  return string.format('%.0f', number)
end

-- Places that come back by themselves when their holder dies, given out in order of asking.
-- A waiter that stops asking loses its turn.
local function wait_for(pool, size)
  local queue, alive = pool .. ':queue', pool .. ':alive'
  redis.call('ZREMRANGEBYSCORE', pool, '-inf', text(now))
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', text(now))) do
    redis.call('ZREM', queue, gone)
    redis.call('ZREM', alive, gone)
  end
  local free = size - redis.call('ZCARD', pool)
  local ahead = redis.call('ZRANK', queue, me) or redis.call('ZCARD', queue)
  if ahead < free then return 0 end
  local due = redis.call('ZRANGE', pool, ahead - free, ahead - free, 'WITHSCORES')[2]
  local wait = 50 + 20 * ahead
  if due then wait = math.max(1, math.min(wait, tonumber(due) - now)) end
  -- In microseconds: who asks in the same millisecond would be ranked by a random name.
  redis.call('ZADD', queue, 'NX', text(time[1] * 1000000 + time[2]), me)
  redis.call('ZADD', alive, text(now + wait + 2000), me)
  return wait
end

local function leave_queue(pool)
  redis.call('ZREM', pool .. ':queue', me)
  redis.call('ZREM', pool .. ':alive', me)
end

local function take(pool)
  leave_queue(pool)
  redis.call('ZADD', pool, text(now + hold), me)
end

local function refuse(why, wait)
  leave_queue(tokens)
  leave_queue(slots)
  redis.call('HINCRBY', metrics, 'calls|' .. label .. '|' .. why, 1)
  return {why, wait}
end

local function wait_or_give_up(wait)
  if wait > patience then return refuse('throttled', wait) end
  return {'wait', wait}
end

if share > 0 and max_age > 0 then
  local known = redis.call('GET', answer)
  local age = known and share - redis.call('PTTL', answer)
  if known and age <= max_age then return {'answer', known, age} end
end

local stopped_until = tonumber(redis.call('HGET', stop, 'until'))
local is_probe = false
if stopped_until then
  if keepalive_every > 0 then
    local pause = redis.call('PTTL', stop .. ':keepalive')
    if pause > 0 then return refuse('stopped', pause) end
    redis.call('SET', stop .. ':keepalive', me, 'PX', keepalive_every)
  else
    local probing_until = tonumber(redis.call('HGET', stop, 'probing_until')) or 0
    local pause = math.max(stopped_until, probing_until) - now
    if pause > 0 then return refuse('stopped', pause) end
    is_probe = true
  end
end

if has_gate then
  local opens = tonumber(redis.call('GET', gate)) or 0
  -- While the call before us is under way nobody knows when it opens; look again soon.
  if opens > now then return wait_or_give_up(math.min(opens - now, 250)) end
end
if slot_count > 0 then
  local wait = wait_for(slots, slot_count)
  if wait > 0 then return wait_or_give_up(wait) end
end
-- Keeping the session alive must not queue behind a stalled gateway.
if keepalive_every == 0 then
  local wait = wait_for(tokens, token_count)
  if wait > 0 then return wait_or_give_up(wait) end
end

take(tokens)
if slot_count > 0 then take(slots) end
if has_gate then redis.call('SET', gate, text(now + hold), 'PX', hold) end
if is_probe then
  redis.call('HSET', stop, 'probe', me, 'probing_until', text(now + hold))
end
if waited > 0 then
  redis.call('HINCRBY', metrics, 'waits|' .. label, 1)
  redis.call('HINCRBY', metrics, 'waited_ms|' .. label, waited)
end
return {'go'}
