#include "source/network/pipe_pool.h"

#include <unistd.h>

#include "gtest/gtest.h"

#include "test/network/support.h"

namespace weir::network::test {
namespace {

TEST(PipePoolTest, OpensKeepsAndCloses) {
  const int descriptors = openDescriptors();
  {
    PipePool pool(/*max_open=*/3, /*max_idle=*/1);
    const Pipe a = pool.acquire();
    const Pipe b = pool.acquire();
    const Pipe c = pool.acquire();
    ASSERT_TRUE(a.valid() && b.valid() && c.valid());
    EXPECT_GE(a.capacity, 4096u);
    EXPECT_FALSE(pool.acquire().valid()) << "over the bound";
    pool.release(a);
    pool.release(b);  // one too many to keep
    EXPECT_EQ(pool.idle(), 1u);
    EXPECT_EQ(pool.open(), 2u);
    EXPECT_EQ(pool.acquire().read_fd, a.read_fd);
    pool.release(a);
    pool.discard(c);
    EXPECT_EQ(pool.open(), 1u);
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST(PipePoolTest, CapacityIsWhatFits) {
  PipePool pool;
  const Pipe pipe = pool.acquire();
  const std::string bytes(pipe.capacity, 'x');
  EXPECT_EQ(write(pipe.write_fd, bytes.data(), bytes.size()), static_cast<ssize_t>(pipe.capacity));
  EXPECT_LT(write(pipe.write_fd, "x", 1), 0);
  pool.discard(pipe);
}

}  // namespace
}  // namespace weir::network::test
