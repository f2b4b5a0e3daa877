import './lobu.css';
import './panel.css';
