-- name: HomeAssistant :one
SELECT home_assistant FROM projects WHERE id = @project_id;

-- name: SetHomeAssistant :exec
UPDATE projects SET home_assistant = @on_off WHERE id = @project_id;

-- name: HomeAssistantProjects :many
SELECT id FROM projects WHERE home_assistant = 1 ORDER BY id;

-- name: HomeAssistantPlaces :many
SELECT p.device, p.kind, p.network_id, p.name, 
  CAST(coalesce(g.model, '') AS TEXT) AS model, CAST(coalesce(g.manufacturer, '') AS TEXT) AS manufacturer,
  CAST(coalesce(g.firmware, '') AS TEXT) AS firmware,
  CAST(coalesce((
    SELECT r.name FROM group_members AS m
    JOIN groups AS r ON r.project_id = m.project_id AND r.id = m.group_id
    WHERE m.project_id = p.project_id AND m.position_id = p.id
    ORDER BY r.number LIMIT 1
  ), '') AS TEXT) AS group_name
FROM positions AS p
LEFT JOIN device_stages AS g ON g.project_id = p.project_id AND g.device = p.device
WHERE p.project_id = @project_id
ORDER BY p.device;

-- name: StatesOfProject :many
SELECT * FROM device_states WHERE project_id = @project_id ORDER BY device;
