#include "namespace_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace netsoak {
namespace {

/** Processes of a namespace that are asked for their container: its first ones, which are the container's own (or a pod's). */
constexpr unsigned kAsked = 4;
/** A process that is in no container is asked again after so long: a runtime may move it into one after it made the namespace. */
constexpr int64_t kAskAgainMilliseconds = 10'000;
/** Of a cgroup file: version 1 has a dozen lines. */
constexpr size_t kCgroupBytes = 16 * 1024;

struct DirectoryCloser {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

/** Names in a directory but . and .. */
template <typename Each>
void each_name(DIR* directory, Each each) {
  while (const dirent* const entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(entry->d_name);
  }
}

/** The number in the link of a namespace file, `net:[4026531840]`; 0 when it is none. */
uint64_t linked_inode(int directory, const char* path, int& error) {
  char link[64];
  const ssize_t length = readlinkat(directory, path, link, sizeof link - 1);
  error = length < 0 ? errno : 0;
  if (length < 0) return 0;
  link[length] = '\0';
  constexpr char kPrefix[] = "net:[";
  return strncmp(link, kPrefix, sizeof kPrefix - 1) == 0 ? strtoull(link + sizeof kPrefix - 1, nullptr, 10) : 0;
}

/** The namespace that is mounted there; 0: none. The file under a mount is there before it and may stay behind: it lies on another device. */
uint64_t mounted_inode(int directory, const char* path, uint64_t device) {
  struct stat status;
  return fstatat(directory, path, &status, 0) == 0 && status.st_dev == device ? status.st_ino : 0;
}

/** Empty when the process has ended, or may not be looked at. */
std::string cgroup_of(int proc, const char* pid) {
  const Fd file(openat(proc, (std::string(pid) + "/cgroup").c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(kCgroupBytes, '\0');
  size_t length = 0;
  for (ssize_t got = 1; file.open() && got > 0 && length < text.size(); length += static_cast<size_t>(std::max<ssize_t>(got, 0))) {
    got = read(file.get(), text.data() + length, text.size() - length);
  }
  text.resize(length);
  text.shrink_to_fit();
  return text;
}

std::string unnamed(uint64_t inode) { return "netns:[" + std::to_string(inode) + ']'; }

}  // namespace

NamespaceTable::NamespaceTable(Places places) : places_(std::move(places)) {
  struct stat own;
  if (stat(places_.own.c_str(), &own) == 0) device_ = own.st_dev;
}

NamespaceTable::Scan NamespaceTable::scan(int64_t now) {
  std::lock_guard one_at_a_time(scanning_);
  Scan scan;
  struct stat own;
  if (stat(places_.own.c_str(), &own) != 0) {
    scan.error = errno;
    return scan;
  }
  {
    std::lock_guard lock(mutex_);
    device_ = own.st_dev;
    scans_++;
    finding_.clear();
  }
  found(own.st_ino, places_.own, "host", now);
  for (const std::string& directory : places_.directories) scan_directory(directory, now, scan);
  scan_processes(now, scan);

  std::lock_guard lock(mutex_);
  std::vector<uint64_t> dead;
  for (auto& [inode, entry] : entries_) {
    if (entry.scan != scans_ && entry.came != scans_) {
      dead.push_back(inode);
    } else if (entry.lived != scans_) {
      // Whoever made it a container's has left it.
      entry.pid = 0;
      set_container(entry, {}, {});
    }
  }
  for (const uint64_t inode : dead) drop(inode);
  order_.swap(finding_);
  return scan;
}

void NamespaceTable::scan_directory(const std::string& directory, int64_t now, Scan& scan) {
  const Directory listing(opendir(directory.c_str()));
  if (listing == nullptr) {
    if (errno != ENOENT && errno != ENOTDIR) scan.unread.push_back({directory, errno});
    return;
  }
  std::string path = directory + '/';
  const size_t head = path.size();
  each_name(listing.get(), [&](const char* name) {
    const uint64_t inode = mounted_inode(dirfd(listing.get()), name, device_);
    if (inode == 0) return;
    path.resize(head);
    path += name;
    found(inode, path, name, now);
  });
}

void NamespaceTable::scan_processes(int64_t now, Scan& scan) {
  const Directory listing(opendir(places_.proc.c_str()));
  if (listing == nullptr) return;
  const int proc = dirfd(listing.get());
  std::unordered_map<uint64_t, Living> living;
  std::string path;
  // The kernel's order is by pid, so that the longest-lived process of a namespace usually stands for it.
  each_name(listing.get(), [&](const char* pid) {
    if (*pid < '1' || *pid > '9') return;
    char relative[32];
    snprintf(relative, sizeof relative, "%.10s/ns/net", pid);
    int error;
    // A link costs half of what a look at the namespace does, and every namespace lies on the one nsfs.
    const uint64_t inode = linked_inode(proc, relative, error);
    if (error == EACCES || error == EPERM) scan.denied++;
    if (inode == 0) return;
    path = places_.proc;
    path += '/';
    path += relative;
    found(inode, path, nullptr, now);
    lives(inode, proc, pid, now, living, scan);
  });
}

/** Notes a process in a namespace, and what it says of its container where that is not known. */
void NamespaceTable::lives(uint64_t inode, int proc, const char* pid, int64_t now, std::unordered_map<uint64_t, Living>& living, Scan& scan) {
  auto there = living.find(inode);
  if (there == living.end()) {
    const auto number = static_cast<uint32_t>(strtoul(pid, nullptr, 10));
    bool ask;
    {
      std::lock_guard lock(mutex_);
      const auto there_still = entries_.find(inode);
      // It was forgotten a moment ago.
      if (there_still == entries_.end()) return;
      Entry& entry = there_still->second;
      entry.lived = scans_;
      const bool known = entry.pid == number && (entry.answered || now < entry.ask_again);
      ask = !known && entry.found->path != places_.own;
      if (ask) {
        entry.pid = number;
        entry.answered = false;
        entry.ask_again = now + kAskAgainMilliseconds;
      }
    }
    there = living.emplace(inode, Living{ask ? 0 : kAsked, scan.questions.size()}).first;
    if (ask) scan.questions.push_back({inode, {}});
  }
  Living& state = there->second;
  if (state.asked == kAsked) return;
  state.asked++;
  std::vector<std::string>& cgroups = scan.questions[state.question].cgroups;
  std::string text = cgroup_of(proc, pid);
  // Processes of a container mostly share one.
  if (std::find(cgroups.begin(), cgroups.end(), text) == cgroups.end()) cgroups.push_back(std::move(text));
}

/**
 * One that was not known. Its generation is higher than any before it, here or (by the clock) in an earlier process.
 * @param name of a bind mount, else null: then it is called by its container, or by its inode
 */
NamespaceTable::Entry& NamespaceTable::add(uint64_t inode, const std::string& path, const char* name, int64_t now) {
  last_generation_ = std::max(now, last_generation_ + 1);
  auto made = std::make_shared<Namespace>();
  made->path = path;
  made->id = {device_, inode};
  made->name = name != nullptr ? name : unnamed(inode);
  made->generation = static_cast<uint64_t>(last_generation_);
  Entry& entry = entries_[inode];
  entry.mounted = name != nullptr;
  entry.found = std::move(made);
  index(entry);
  return entry;
}

/** As add(), in the scan under way. */
void NamespaceTable::found(uint64_t inode, const std::string& path, const char* name, int64_t now) {
  std::lock_guard lock(mutex_);
  const auto known = entries_.find(inode);
  Entry& entry = known == entries_.end() ? add(inode, path, name, now) : known->second;
  // The first path of a scan stands.
  if (entry.scan == scans_) return;
  entry.scan = scans_;
  finding_.push_back(inode);
  const bool mounted = name != nullptr;
  const Namespace& before = *entry.found;
  if (before.path == path && entry.mounted == mounted && (!mounted || before.name == name)) return;
  Namespace value(before);
  value.path = path;
  entry.mounted = mounted;
  value.name = mounted ? name : value.container_id.empty() ? unnamed(inode) : value.container_id;
  set(entry, std::move(value));
}

void NamespaceTable::set(Entry& entry, Namespace value) {
  const auto before = paths_.find(entry.found->path);
  if (before != paths_.end() && before->second == value.id.inode) paths_.erase(before);
  entry.found = std::make_shared<const Namespace>(value);
  index(entry);
}

/** A key is the path of the entry that it leads to, so that both go together. */
void NamespaceTable::index(const Entry& entry) {
  paths_.erase(entry.found->path);
  paths_.emplace(entry.found->path, entry.found->id.inode);
}

void NamespaceTable::set_container(Entry& entry, const std::string& id, const std::string& runtime) {
  if (entry.found->container_id == id && entry.found->container_runtime == runtime) return;
  Namespace value(*entry.found);
  value.container_id = id;
  value.container_runtime = runtime;
  if (!entry.mounted) value.name = id.empty() ? unnamed(value.id.inode) : id;
  set(entry, std::move(value));
}

void NamespaceTable::drop(uint64_t inode) {
  const auto entry = entries_.find(inode);
  const auto path = paths_.find(entry->second.found->path);
  if (path != paths_.end() && path->second == inode) paths_.erase(path);
  entries_.erase(entry);
}

void NamespaceTable::contain(uint64_t inode, const std::string& id, const std::string& runtime, bool first) {
  std::lock_guard lock(mutex_);
  const auto entry = entries_.find(inode);
  if (entry == entries_.end()) return;
  entry->second.answered = first && !id.empty();
  set_container(entry->second, id, runtime);
}

NamespaceListPointer NamespaceTable::list() {
  std::lock_guard lock(mutex_);
  const auto there = [&](uint64_t inode) {
    const auto entry = entries_.find(inode);
    return entry == entries_.end() ? nullptr : entry->second.found;
  };
  bool same = list_->size() == order_.size();
  for (size_t i = 0; same && i < order_.size(); i++) same = there(order_[i]) == (*list_)[i];
  if (same) return list_;
  auto list = std::make_shared<NamespaceList>();
  list->reserve(order_.size());
  for (const uint64_t inode : order_) {
    if (NamespacePointer found = there(inode)) list->push_back(std::move(found));
  }
  return list_ = std::move(list);
}

NamespaceTable::Look NamespaceTable::look(const std::string& path, int64_t now, NamespacePointer& found) {
  std::lock_guard lock(mutex_);
  const uint64_t inode = mounted_inode(AT_FDCWD, path.c_str(), device_);
  const auto before = paths_.find(path);
  if (before != paths_.end() && before->second != inode) drop(before->second);
  if (inode == 0) return Look::kAbsent;
  if (entries_.count(inode) != 0) return Look::kKnown;
  Entry& entry = add(inode, path, path.c_str() + path.rfind('/') + 1, now);
  entry.came = scans_;
  found = entry.found;
  return Look::kNew;
}

void NamespaceTable::forget(uint64_t inode, const std::string& path) {
  std::lock_guard lock(mutex_);
  const auto entry = entries_.find(inode);
  if (entry != entries_.end() && entry->second.found->path == path) drop(inode);
}

bool NamespaceTable::some_died(const std::vector<std::string>& except) {
  NamespaceList asked;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [inode, entry] : entries_) {
      const std::string& path = entry.found->path;
      if (std::find(except.begin(), except.end(), std::string_view(path).substr(0, path.rfind('/'))) == except.end()) asked.push_back(entry.found);
    }
  }
  for (const NamespacePointer& one : asked) {
    int error;
    if (linked_inode(AT_FDCWD, one->path.c_str(), error) == one->id.inode) continue;
    // A bind mount is no link.
    if (mounted_inode(AT_FDCWD, one->path.c_str(), one->id.device) != one->id.inode) return true;
  }
  return false;
}

size_t NamespaceTable::size() {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace netsoak
