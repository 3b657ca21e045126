-- +goose Up

-- What the days of a device are made by (rollup_zones.zone) is the time zone and, in JSON, the hours that
-- have prices of their own; level 2 of the rollups is the months of a year. A name that is a time
-- zone alone is of before: those days are made again, with their months.
UPDATE projects SET days_zone = '' WHERE id IN (SELECT project_id FROM rollup_zones);

-- +goose Down
-- Days with such hours stay, which a program of before does not read.
DELETE FROM rollups WHERE level = 2;
UPDATE rollup_zones SET zone = (SELECT time_zone FROM projects WHERE id = project_id)
WHERE project_id IN (SELECT id FROM projects);
