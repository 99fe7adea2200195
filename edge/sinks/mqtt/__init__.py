"""The MQTT sink: readings and state for a broker, and Home Assistant discovery."""
