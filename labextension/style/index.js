import './lobu.css';
import './panel.css';
import './models.css';
import './review.css';
import './inline.css';
