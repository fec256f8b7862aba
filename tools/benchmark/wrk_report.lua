-- Prints what the bench reads, exactly, as one line; no hook that runs per request.
done = function(summary, latency, requests)
  io.write(string.format(
    'result requests=%d microseconds=%d connect=%d read=%d write=%d status=%d timeout=%d p50=%d p90=%d p99=%d\n',
    summary.requests, summary.duration, summary.errors.connect, summary.errors.read,
    summary.errors.write, summary.errors.status, summary.errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
