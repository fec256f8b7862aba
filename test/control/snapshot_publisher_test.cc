#include "source/control/snapshot_publisher.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace weir::control {
namespace {

SnapshotPublisher::Snapshot snapshot(uint64_t version) {
  auto made = std::make_shared<config::Snapshot>();
  made->version = version;
  return made;
}

TEST(SnapshotPublisher, EverySubscriberSeesEveryVersionInOrder) {
  SnapshotPublisher publisher;
  std::vector<uint64_t> first;
  std::vector<uint64_t> second;
  publisher.subscribe([&](const auto& s) { first.push_back(s->version); });
  publisher.subscribe([&](const auto& s) { second.push_back(s->version); });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(publisher.publish(snapshot(publisher.nextVersion())));
  EXPECT_EQ(first, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(second, first);
  EXPECT_EQ(publisher.current()->version, 3u);
}

TEST(SnapshotPublisher, RefusesWhatIsNotNewer) {
  SnapshotPublisher publisher;
  int published = 0;
  publisher.subscribe([&](const auto&) { ++published; });
  EXPECT_TRUE(publisher.publish(snapshot(5)));
  EXPECT_FALSE(publisher.publish(snapshot(5)));
  EXPECT_FALSE(publisher.publish(snapshot(4)));
  EXPECT_EQ(published, 1);
  EXPECT_EQ(publisher.current()->version, 5u);
}

TEST(SnapshotVersion, MovesOnlyForward) {
  SnapshotVersion version;
  EXPECT_TRUE(version.advanceTo(2));
  EXPECT_FALSE(version.advanceTo(2));
  EXPECT_FALSE(version.advanceTo(1));
  EXPECT_EQ(version.current(), 2u);
  EXPECT_TRUE(version.advanceTo(7));
}

}  // namespace
}  // namespace weir::control
