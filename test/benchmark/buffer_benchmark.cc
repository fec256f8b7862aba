#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "source/buffer/buffer.h"

namespace weir::buffer {
namespace {

// One read: bytes in the worker's read block, wrapped, handed over, drained.
void readAndDrain(benchmark::State& state) {
  BlockPool pool;
  Buffer input(pool);
  Block& block = pool.acquire(BlockPool::kLargest);
  for (auto _ : state) {
    ++block.references;
    input.append(Slice(block, block.data(), 700));
    benchmark::DoNotOptimize(input.front());
    input.drain(700);
  }
  BlockPool::release(block);
}
BENCHMARK(readAndDrain);

// One answer: head composed in place, a body of state.range(0) bytes behind it, all written.
void composeHeadAndBody(benchmark::State& state) {
  BlockPool pool;
  const auto body_size = static_cast<uint32_t>(state.range(0));
  const std::string head(180, 'h');
  Block& block = pool.acquire(BlockPool::kLargest);
  Buffer body(pool);
  Buffer output(pool);
  for (auto _ : state) {
    std::memcpy(output.reserve(1024).data(), head.data(), head.size());
    output.commit(head.size());
    ++block.references;
    body.append(Slice(block, block.data(), body_size));
    output.append(body);
    iovec vectors[8];
    benchmark::DoNotOptimize(output.fill(vectors));
    output.drain(output.size());
  }
  BlockPool::release(block);
}
BENCHMARK(composeHeadAndBody)->Arg(128)->Arg(2000)->Arg(16'000);

// Small appends, as a serialiser without reserve() would make them.
void appendSmallPieces(benchmark::State& state) {
  BlockPool pool;
  for (auto _ : state) {
    Buffer buffer(pool);
    for (int i = 0; i < 20; ++i) buffer.append("content-type: text/plain\r\n");
    benchmark::DoNotOptimize(buffer.size());
  }
}
BENCHMARK(appendSmallPieces);

// A large body passed on in read-sized slices.
void passBodyOn(benchmark::State& state) {
  BlockPool pool;
  Buffer from(pool);
  Buffer to(pool);
  for (auto _ : state) {
    for (int i = 0; i < 16; ++i) {
      Block& block = pool.acquire(BlockPool::kLargest);
      from.append(Slice(block, block.data(), block.capacity));
      to.append(from);
    }
    to.drain(to.size());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * 16 * 65536);
}
BENCHMARK(passBodyOn);

}  // namespace
}  // namespace weir::buffer

BENCHMARK_MAIN();
