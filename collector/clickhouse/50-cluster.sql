-- All shards as one table. A host's rows stand on one shard, so that merging what came twice needs no other.
CREATE TABLE IF NOT EXISTS {table}_all {onCluster} AS {table}
ENGINE = Distributed('{cluster}', '{database}', '{name}', cityHash64(hostname));

CREATE TABLE IF NOT EXISTS {table}_polls_all {onCluster} AS {table}_polls
ENGINE = Distributed('{cluster}', '{database}', '{name}_polls', cityHash64(hostname));
